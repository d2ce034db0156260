"""What is deployed without Kubernetes: Serve's configuration, Ray's cluster launcher, the image, and the commands for them."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.serve.schema import ServeDeploySchema

from cluster.cli.main import run
from cluster.deploy.controller import entrypoint, is_alive
from naviyam.settings import Settings
from tests.deploy.conftest import DEPLOY, ROOT

LAUNCHERS = sorted((DEPLOY / "ray").glob("*.yaml"))
PROFILES = ("cluster", "cluster-gpu")


@pytest.mark.parametrize("profile", PROFILES)
def test_serves_configuration_is_the_one_the_profile_makes(profile: str, tmp_path: Path) -> None:
    out = tmp_path / "serve.yaml"
    config = str(ROOT / "configs" / f"{profile}.yaml")
    assert run(["deploy", "config", "--out", str(out), "--config", config]) == 0
    kept = DEPLOY / "serve" / f"{profile}.yaml"
    assert kept.read_text() == out.read_text(), f"make {kept} again with `naviyam deploy config`"
    told = ServeDeploySchema.model_validate(yaml.safe_load(kept.read_text()))
    (application,) = told.applications
    assert ROOT / PurePosixPath(application.args["config"]).relative_to("/opt/naviyam") == Path(
        config
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_environment_of_a_node_is_the_one_the_profile_makes(
    profile: str, tmp_path: Path
) -> None:
    out = tmp_path / "node.env"
    config = str(ROOT / "configs" / f"{profile}.yaml")
    assert run(["deploy", "environment", "--out", str(out), "--config", config]) == 0
    kept = DEPLOY / "serve" / "node.env"
    command = f"naviyam deploy environment --config configs/cluster.yaml --out {kept}"
    assert kept.read_text() == out.read_text(), f"make it again: {command}"


def test_the_configuration_is_printed_too(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "configs" / "cluster.yaml")
    assert (
        run(["deploy", "config", "--json", "--remote-config", "/x/y.yaml", "--config", config]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["applications"][0]["args"] == {"config": "/x/y.yaml"}
    assert document["http_options"]["host"] == "0.0.0.0"


@pytest.mark.parametrize("path", LAUNCHERS, ids=lambda p: p.stem)
def test_rays_launcher_takes_it(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(config)
    validate_config(prepare_config(json.loads(json.dumps(config))))


@pytest.mark.parametrize("path", LAUNCHERS, ids=lambda p: p.stem)
def test_every_node_gets_what_the_proxies_need_and_the_state(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        started = config[commands][-1]
        assert ". /opt/naviyam/node.env;" in started
        assert "RAY_AUTH_MODE=disabled" in started
    assert "deploy/serve/node.env node.env" in steps("COPY")
    state = str(Settings.load(ROOT / "configs" / "cluster.yaml", environ={}).paths.state)
    assert any(option.endswith(f":{state}") for option in config["docker"]["run_options"])


def test_labels_of_replicas_are_labels_of_nodes() -> None:
    config = yaml.safe_load((DEPLOY / "ray" / "cluster-aws.yaml").read_text())
    offered = [node.get("labels", {}) for node in config["available_node_types"].values()]
    serving = Settings.load(ROOT / "configs" / "cluster-gpu.yaml", environ={}).serving
    for scale in (serving.ingress, serving.retriever, serving.ranker, serving.llm):
        assert any(scale.node_labels.items() <= labels.items() for labels in offered)


def test_a_controller_is_begun_only_where_none_left_a_sign_of_life() -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert not is_alive({}, now)
    assert is_alive({"at": (now - timedelta(seconds=5)).isoformat()}, now)
    assert not is_alive({"at": (now - timedelta(seconds=31)).isoformat()}, now)
    command = entrypoint(
        PurePosixPath("/opt/naviyam/configs/a.yaml"), PurePosixPath("/opt/naviyam")
    )
    assert command.startswith("cd /opt/naviyam && exec python -m cluster.ray_io.controller")
    assert command.endswith("--config /opt/naviyam/configs/a.yaml --address auto")


DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()
STEPS = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()


def steps(name: str) -> list[str]:
    return [s.split(maxsplit=1)[1] for s in STEPS if s.startswith(f"{name} ")]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path from the builder: the last rule that matches it or a folder above it decides."""
    kept = True
    parts = PurePosixPath(path).parts
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!").rstrip("/").replace("**/", "*")
            if any(fnmatch(each, pattern) for each in above):
                kept = rule.startswith("!")
    return not kept


def test_everything_the_image_copies_is_there_and_sent_to_the_builder() -> None:
    copied = [s for s in steps("COPY") if not s.startswith("--from")]
    assert len(copied) >= 10
    for step in copied:
        for source in step.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert not ignored(source.rstrip("/")), source


def test_what_runs_is_in_the_image_and_what_does_not_stays_out() -> None:
    copied = {s.split()[0].rstrip("/") for s in steps("COPY")}
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {p.rstrip("*") for p in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages | {"configs", "adapters", "models"} <= copied
    for path in (".git/config", ".naviyam/secrets/admin.key", ".venv/bin/python", "tests/conftest.py",
                 "configs/__pycache__/a.pyc", "scripts/debian.sh"):  # fmt: skip
        assert ignored(path), path
    assert not ignored("scripts/setup.sh")


def test_the_image_runs_this_python_as_nobody_in_particular() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (python,) = [s.split("=")[1] for s in steps("ARG") if s.startswith("PYTHON_IMAGE=")]
    version = re.match(r"python:(\d+\.\d+\.\d+)-", python)
    assert version is not None, "pin the interpreter to its patch level"
    assert Requirement(f"python{project['requires-python']}").specifier.contains(version[1])
    last = [s for s in STEPS if s.startswith(("FROM ", "USER "))][-2:]
    assert last == ["FROM runtime-${ACCELERATOR}", "USER 1000:1000"]
    stages = {s.split(" AS ")[1] for s in steps("FROM") if " AS " in s}
    assert {"runtime-cpu", "runtime-gpu"} <= stages
    (command,) = steps("CMD")
    assert json.loads(command)[0] in project["scripts"]


def test_the_image_leaves_out_what_only_tests_use() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    development = {Requirement(d).name for d in project["optional-dependencies"]["dev"]}
    (removal,) = [s for s in steps("RUN") if "pip uninstall" in s]
    program = removal.split("python -c '")[1].split("'")[0]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert set(done.stdout.split()) == development


def test_the_readme_names_files_and_commands_that_exist() -> None:
    text = (DEPLOY / "README.md").read_text()
    for name in re.findall(r"\b(?:deploy|configs|tests)/[\w./-]+", text):
        assert (ROOT / name.rstrip("./")).exists(), name
    for verbs in re.findall(r"naviyam (deploy \w+|config \w+)", text):
        assert run([*verbs.split(), "--help"]) == 0
