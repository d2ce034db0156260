import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("far", [False, True])
def test_what_is_acknowledged_is_read_back_once_after_kill_9(tmp_path: Path, far: bool) -> None:
    """Writers and compaction die 12 times; `python tests/feedback/crash.py --kills 300` does it longer."""
    options = ["--kills", "12", "--seed", "5", "--folder", str(tmp_path / "here")]
    if far:
        options += ["--uri", (tmp_path / "far").as_uri()]
    done = subprocess.run(
        [sys.executable, ROOT / "tests/feedback/crash.py", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'writer'" in done.stdout
    assert "'compaction'" in done.stdout
    assert " 0 records" not in done.stdout
