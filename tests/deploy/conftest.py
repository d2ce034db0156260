import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("cpu-small", "gpu", "production")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Objects = list[dict[str, Any]]


@functools.cache
def rendered(folder: Path) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def build() -> Callable[[str], Objects]:
    """Objects of an overlay as `kubectl kustomize` makes them."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    return lambda name: list(
        yaml.load_all(rendered(DEPLOY / "kubernetes" / "overlays" / name), LOADER)
    )


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, build: Callable[[str], Objects]) -> Objects:
    return build(request.param)


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod template in an object: something with containers, and its labels."""
    if isinstance(value, list):
        for each in value:
            yield from pods(each)
    elif isinstance(value, dict):
        spec = value.get("spec")
        if isinstance(spec, dict) and "containers" in spec:
            yield value
        else:
            for each in value.values():
                yield from pods(each)
