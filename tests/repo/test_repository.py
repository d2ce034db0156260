"""What must hold of the repository itself: pins, configurations, import habits, documented commands."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cluster.cli.main import app
from naviyam.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    found = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {key.lower().replace("_", "-"): version for key, version in found.items()}


@pytest.mark.parametrize("name", ["torchvision", "torchaudio", "torchcodec"])
def test_packages_that_break_transformers_on_a_cpu_are_absent(name: str) -> None:
    if "+cpu" not in importlib.metadata.version("torch"):
        pytest.skip("a CUDA build of torch goes with them")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version(name)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda p: p.name)
def test_every_configuration_loads(config: Path) -> None:
    assert Settings.load(config, environ={}).profile


def test_there_is_a_default_configuration() -> None:
    assert ROOT / "configs" / "local.yaml" in CONFIGS


def test_the_cpu_lock_satisfies_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    locked = pins("cpu.lock") | pins("torch-cpu.txt") | pins("build.txt")
    for text in (*project["dependencies"], *extras["cpu"], *extras["dev"]):
        wanted = Requirement(text)
        version = locked.get(wanted.name.lower().replace("_", "-"))
        assert version is not None, f"{wanted.name} is not in the lock"
        assert wanted.specifier.contains(version), f"{text}, but the lock has {version}"


def test_no_package_is_pinned_that_the_set_up_leaves_out() -> None:
    assert not pins("cpu.lock").keys() & {"torch", "torchvision", "torchaudio", "torchcodec"}


def test_every_package_in_the_lock_is_installed_at_that_version() -> None:
    for name, version in pins("cpu.lock").items():
        assert importlib.metadata.version(name) == version, name


@pytest.mark.parametrize("heavy", ["ray", "fastapi", "typer", "torch", "transformers", "vllm"])
def test_the_domain_imports_without_the_runtime(heavy: str, domain_modules: set[str]) -> None:
    assert heavy not in domain_modules


def test_the_command_line_starts_without_heavy_modules() -> None:
    code = "import sys, cluster.cli.main; print(*sys.modules)"
    loaded = run_python(code)
    assert not loaded & {"numpy", "httpx", "pydantic", "ray", "torch", "pyarrow", "rich.console"}


@pytest.fixture(scope="module")
def domain_modules() -> set[str]:
    code = (
        "import importlib, pkgutil, sys, naviyam\n"
        "for m in pkgutil.walk_packages(naviyam.__path__, 'naviyam.'): importlib.import_module(m.name)\n"
        "print(*sys.modules)"
    )
    return run_python(code)


def run_python(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_names_only_targets_that_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / page).read_text()))
    assert {"demo", "up"} <= named <= targets


def test_the_readme_names_only_commands_that_exist() -> None:
    verbs = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    verbs |= {g.name for g in app.registered_groups if g.name}
    named = set(re.findall(r"`naviyam ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= verbs


@pytest.mark.parametrize("script", [".ci/run", "scripts/setup.sh", "scripts/lock.sh"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)
