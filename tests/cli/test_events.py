"""`naviyam events` and `naviyam bench events` on a small log of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.main import run
from naviyam.clock import SystemClock
from naviyam.feedback.log import AppendLog


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "events"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_compact_and_query(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = SystemClock()
    log = AppendLog(events / "feedback", clock=clock, window_s=0.0)
    for n in range(3):
        record = {"feedback_id": f"f{n}", "recorded_at": clock.now().isoformat(), "user_id": "u"}
        log.append(record).result()
    log.close()
    assert answer(capsys, "events", "compact")["records"] == 3
    sql = "SELECT count(*) AS n, min(recorded_at) AS first FROM feedback"
    found = answer(capsys, "events", "query", sql)
    assert found["columns"] == ["n", "first"]
    assert found["rows"][0]["n"] == 3
    assert run(["events", "query", "SELECT feedback_id FROM feedback", "--limit", "1"]) == 0
    shown = capsys.readouterr()
    assert "only the first 1 rows" in shown.err
    assert "f" in shown.out


def test_what_cannot_be_answered_exits_1_in_one_line(
    events: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["events", "query", "DELETE FROM feedback"]) == 1
    assert "read only" in capsys.readouterr().err
    monkeypatch.setenv("NAVIYAM__EVENTS__URI", "gopher://nowhere")
    assert run(["events", "compact"]) == 1
    assert "gopher" in capsys.readouterr().err


def test_a_query_writes_nothing(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "events", "query", "SELECT 1 AS one")["rows"] == [{"one": 1}]
    assert not events.exists()


def test_bench_events_compares_in_one_table(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = answer(capsys, "bench", "events", "--seconds", "0.1")["rates"]
    assert {r["way"] for r in rates} == {"append + fsync", "SQLite", "event log"}
    assert {r["writers"] for r in rates} == {1, 8}
    assert all(r["events_per_s"] > 0 and r["p99_ms"] >= r["p50_ms"] for r in rates)
    assert list(events.parent.iterdir()) == []
