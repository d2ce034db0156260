"""A step as a Ray job: its driver may be killed, and one that says why it cannot is not asked again."""

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

# A step. `kill` ends the job's driver, which is its parent, the first time.
STEP = """
import json, os, signal, sys, time
from pathlib import Path

what, marker = sys.argv[1], Path(sys.argv[2])
with marker.open("a") as file:
    file.write(f"{what}\\n")
if what == "refuse":
    sys.exit("too few rows: 3 of 100")
if what == "kill" and marker.read_text().count("kill") == 1:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1)
    marker.write_text("the driver's death did not end its program")
print(json.dumps({"marks": marker.read_text().split()}))
"""


def test_a_lost_step_is_run_again_and_a_refusal_is_not(head, tmp_path):
    from cluster.programs import ProgramError  # noqa: PLC0415
    from cluster.ray_io.jobs import JobRunner  # noqa: PLC0415

    (tmp_path / "naviyam_test_step.py").write_text(STEP)
    folder, marker = tmp_path / "run", tmp_path / "marks"
    said = []
    runner = JobRunner(
        address=f"http://127.0.0.1:{head.serving.dashboard_port}",
        environ={"PYTHONPATH": ":".join([str(tmp_path), str(Path.cwd()), *filter(None, sys.path)])},
        poll_s=0.2,
        say=said.append,
    )
    found = runner.run("train", folder, "naviyam_test_step", ["kill", str(marker)])
    assert found == {"marks": ["kill", "kill"]}
    assert len(said) == 2
    assert runner.run("train", folder, "naviyam_test_step", ["kill", str(marker)]) == found
    assert len(said) == 2
    for calls in (1, 2):  # once in each call: the next one may find what was missing
        with pytest.raises(ProgramError, match="too few rows: 3 of 100"):
            runner.run("judge", folder, "naviyam_test_step", ["refuse", str(marker)])
        assert marker.read_text().count("refuse") == calls
