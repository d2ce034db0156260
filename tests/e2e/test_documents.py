"""Commands of the documents that need the whole service, run against it as they are written: one for each of the plan."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.cli.main import run
from tests.docs.pages import COMMANDS, ROOT
from tests.docs.plan import RUN_ON_THE_SERVICE, beginning_of
from tests.e2e.conftest import Service

pytestmark = pytest.mark.llm


def first_of(plan: str) -> str:
    """Return the first command of the documents that begins so, as it is written."""
    return next(c.text for c in COMMANDS if not c.is_assignment and beginning_of(c.plain, (plan,)))


@pytest.fixture
def surroundings(service: Service) -> Iterator[None]:
    """The repository's root, with variables that lead to the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("NAVIYAM__PATHS__STATE", str(service.state))
        patch.setenv("NAVIYAM__SERVING__PORT", str(service.client.base_url.port))
        patch.setenv("NAVIYAM__SERVING__DASHBOARD_PORT", str(service.dashboard_port))
        yield


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("plan", [p for p in RUN_ON_THE_SERVICE if p.startswith("naviyam")])
def test_a_command_answers_while_the_service_runs(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = first_of(plan).split("#")[0].split()[1:]
    code = run([*arguments, "--json"])
    shown = capsys.readouterr()
    assert code == 0, f"{arguments}\n{shown.out}\n{shown.err}"
    assert json.loads(shown.out)


@pytest.mark.usefixtures("surroundings")
def test_a_program_is_given_to_ray_as_it_is(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    text = first_of("ray job submit").replace(
        "http://127.0.0.1:8265", f"http://127.0.0.1:{service.dashboard_port}"
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", text], capture_output=True, text=True, check=False, env=environ, timeout=180
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
    assert (service.state / "datasets").is_dir()
    assert run(["jobs", "list", "--json"]) == 0
    jobs = json.loads(capsys.readouterr().out)["jobs"]
    assert any("training.datasets" in job["module"] for job in jobs), "it is listed with ours"
