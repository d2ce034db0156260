"""Commands of the documents that need the whole service, run against it as they are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import COMMANDS, ROOT
from tests.docs.plan import RUN_ON_THE_SERVICE, beginning_of
from tests.e2e.conftest import Service

pytestmark = pytest.mark.llm

CHOSEN = {
    c.plain: c
    for c in COMMANDS
    if not c.is_assignment
    and beginning_of(c.plain, RUN_ON_THE_SERVICE)
    and "$" not in c.text
    and "--acknowledge" not in c.text
}


def run(service: Service, text: str, *, path: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository's root, pointed at the service by variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environ = {
        **kept,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "NAVIYAM__PATHS__STATE": str(service.state),
        "NAVIYAM__SERVING__PORT": str(service.client.base_url.port),
        "NAVIYAM__SERVING__DASHBOARD_PORT": str(service.dashboard_port),
    }
    text = text.replace("http://127.0.0.1:8265", f"http://127.0.0.1:{service.dashboard_port}")
    return subprocess.run(
        ["bash", "-euc", text], capture_output=True, text=True, check=False, cwd=ROOT, env=environ, timeout=180
    )  # fmt: skip


def test_commands_that_need_the_service_run_against_it(service: Service) -> None:
    for day in range(3):  # something to make data sets of
        service.chat(f"치킨 먹고 싶어 {day}", user_id="reader")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kinds = set()
    for command in CHOSEN.values():
        done = run(service, command.text, path=path)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
        kinds.add(beginning_of(command.plain, RUN_ON_THE_SERVICE))
    assert kinds == set(RUN_ON_THE_SERVICE)
    listed = run(service, "naviyam jobs list --json", path=path).stdout
    assert "training.datasets" in listed, "what was given to Ray directly is listed too"
