import asyncio
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from naviyam.clock import FakeClock, SystemClock
from naviyam.errors import InputError
from naviyam.feedback.log import AppendLog
from naviyam.feedback.reader import read_events, read_tombstones
from naviyam.feedback.segments import list_stems, parse_segment
from naviyam.feedback.store import EventStore


def iterate(folder: Path) -> list[dict[str, object]]:
    store = EventStore(folder.parent)
    return [
        r
        for stem in store.stems(folder.name)
        for r in store.read_segment(folder.name, stem).records
    ]


def make_log(folder: Path, **options: object) -> AppendLog:
    return AppendLog(folder, clock=SystemClock(), window_s=0.001, **options)  # type: ignore[arg-type]


def test_a_key_is_a_duplicate_after_a_restart_and_in_another_process(tmp_path: Path) -> None:
    first, second = make_log(tmp_path), make_log(tmp_path)
    assert first.append({"idempotency_key": "k"}).result() is False
    assert second.append({"idempotency_key": "k"}).result() is True
    first.close()
    second.close()
    again = make_log(tmp_path)
    assert again.append({"idempotency_key": "k"}).result() is True
    again.close()
    assert len(list(iterate(tmp_path))) == 1


def test_the_key_table_is_rebuilt_from_the_segments(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.append({"idempotency_key": "k"}).result()
    log.close()
    for path in tmp_path.glob("keys.db*"):
        path.unlink()
    log = make_log(tmp_path)
    assert log.append({"idempotency_key": "k"}).result() is True
    log.close()


def test_the_same_key_at_once_from_many_threads_counts_once(tmp_path: Path) -> None:
    logs = [make_log(tmp_path), make_log(tmp_path)]
    answers: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda i=i: answers.append(
                logs[i % 2].append({"idempotency_key": "same"}).result()
            )
        )
        for i in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    assert sorted(answers) == [False] + [True] * 15
    assert len(list(iterate(tmp_path))) == 1


def test_a_torn_last_line_is_left_out_and_counted(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    log.append({"n": 1}).result()
    log.close()
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"n": 2')
    segment = parse_segment(path.read_bytes())
    assert [r["n"] for r in segment.records] == [1]
    assert segment.torn == 1


def test_segments_close_by_count_and_by_age(tmp_path: Path) -> None:
    log = make_log(tmp_path / "count", max_records=2)
    for n in range(5):
        log.append({"n": n}).result()
    log.close()
    assert len(list_stems(tmp_path / "count")) == 3
    clock = FakeClock(current=datetime(2026, 11, 1, tzinfo=UTC))
    log = AppendLog(tmp_path / "age", clock=clock, window_s=0.0)
    log.append({"n": 1}).result()
    clock.advance(901)
    log.append({"n": 2}).result()
    log.append({"n": 3}).result()
    log.close()
    assert len(list_stems(tmp_path / "age")) == 2


def test_a_segment_of_a_living_writer_is_not_adopted(tmp_path: Path) -> None:
    first = make_log(tmp_path)
    first.append({"n": 1}).result()
    second = make_log(tmp_path)
    assert [p.name.endswith(".open.jsonl") for p in tmp_path.glob("*.jsonl")] == [True]
    first.append({"n": 2}).result()
    first.close()
    second.close()
    assert [r["n"] for r in iterate(tmp_path)] == [1, 2]


def test_a_record_that_is_no_json_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    with pytest.raises(InputError, match="JSON"):
        log.append({"n": float("nan")})
    log.append({"n": 1}).result()
    log.close()


def test_a_write_that_fails_is_reported_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log(tmp_path)
    log.append({"n": 1}).result()
    real = os.fdatasync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    failed = log.append({"n": 2, "idempotency_key": "k"})
    with pytest.raises(OSError, match="No space"):
        failed.result()
    monkeypatch.setattr(os, "fdatasync", real)
    assert log.append({"n": 3, "idempotency_key": "k"}).result() is False
    log.close()
    assert [r["n"] for r in iterate(tmp_path)] == [1, 3]


def test_readers_honour_tombstones(tmp_path: Path) -> None:
    def write(kind: str, *records: dict[str, str]) -> None:
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "1.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))

    day = "2026-11-0{}T00:00:00+00:00".format
    write(
        "interactions",
        {"user_id": "a", "recorded_at": day(1)},
        {"user_id": "a", "recorded_at": day(3)},
        {"user_id": "b", "recorded_at": day(1)},
    )
    write("tombstones", {"user_id": "a", "recorded_at": day(2)})
    left = [(r["user_id"], r["recorded_at"]) for r in read_events(tmp_path, "interactions")]
    assert left == [("a", day(3)), ("b", day(1))]
    assert set(read_tombstones(tmp_path)) == {"a"}


async def test_who_leaves_before_the_acknowledgement_stops_nobody_else(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "interactions", clock=SystemClock(), window_s=0.05)
    leaving = asyncio.ensure_future(asyncio.wrap_future(log.append({"n": 1})))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await asyncio.wait_for(asyncio.wrap_future(log.append({"n": 2})), 10) is False
    log.close()
    assert [r["n"] for r in iterate(tmp_path / "interactions")] == [1, 2]
