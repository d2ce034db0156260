from pathlib import Path

import pytest
from crash import run


@pytest.mark.parametrize("far", [False, True])
def test_what_is_acknowledged_is_read_back_once_after_kill_9(tmp_path: Path, far: bool) -> None:
    """Writers and compaction die 15 times; `python tests/feedback/crash.py --kills 300` does it longer."""
    uri = (tmp_path / "far").as_uri() if far else None
    outcome = run(tmp_path / "here", kills=15, seed=5, uri=uri, pause_s=0.1, every=8)
    assert outcome.problems == []
    assert outcome.acknowledged > 15
    assert outcome.kills["compaction"]
    assert outcome.kills["writer"]
