"""What `naviyam bench events` measures: the event log beside a raw append+fsync loop and SQLite, on the same disk."""

import json
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.cli.measures import quantile
from naviyam.clock import Clock
from naviyam.feedback.log import AppendLog

Append = Callable[[dict[str, Any]], None]
"""Returns when the record is on disk."""

_CANDIDATES, _SHOWN, _FEATURES = 20, 3, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One way under one load; latencies from the call to the acknowledgement."""

    way: str
    record: str
    record_bytes: int
    writers: int
    events_per_s: float
    p50_ms: float
    p99_ms: float


def measure(
    folder: Path, clock: Clock, *, seconds: float, window_s: float, seed: int
) -> Iterator[Rate]:
    """Yield the figures of every way, kind of record and number of writers, one after the other."""
    ways: dict[str, Callable[[Path], Any]] = {
        "append + fsync": _raw,
        "SQLite": _sqlite,
        "event log": lambda f: _log(f, clock, window_s),
    }
    for kind, make in (("interaction", _interaction), ("feedback", _feedback)):
        for writers in (1, 8):
            for way, open_way in ways.items():
                place = folder / f"{kind}-{writers}-{way.replace(' ', '')}"
                place.mkdir()
                with open_way(place) as writer_for:
                    times_s, wall_s = _load(
                        writer_for, make, clock, writers=writers, seconds=seconds, seed=seed
                    )
                yield Rate(
                    way=way,
                    record=kind,
                    record_bytes=len(_line(make(random.Random(seed), "0"))),
                    writers=writers,
                    events_per_s=round(len(times_s) / wall_s, 1),
                    p50_ms=round(quantile(times_s, 0.5) * 1000, 3),
                    p99_ms=round(quantile(times_s, 0.99) * 1000, 3),
                )


def _load(
    writer_for: Callable[[], Append],
    make: Callable[[random.Random, str], dict[str, Any]],
    clock: Clock,
    *,
    writers: int,
    seconds: float,
    seed: int,
) -> tuple[list[float], float]:
    times_s: list[list[float]] = [[] for _ in range(writers)]
    ready = threading.Barrier(writers + 1)
    stop = threading.Event()

    def work(index: int) -> None:
        rng = random.Random(f"{seed}-{index}")
        append = writer_for()
        ready.wait()
        number = 0
        while not stop.is_set():
            record = make(rng, f"{index}-{number}")
            began_s = clock.monotonic_s()
            append(record)
            times_s[index].append(clock.monotonic_s() - began_s)
            number += 1

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(writers)]
    for thread in threads:
        thread.start()
    ready.wait()
    began_s = clock.monotonic_s()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return [t for each in times_s for t in each], clock.monotonic_s() - began_s


@contextmanager
def _raw(folder: Path) -> Iterator[Callable[[], Append]]:
    """Every writer appends to one file and syncs every record."""
    opened: list[int] = []

    def writer_for() -> Append:
        descriptor = os.open(folder / "raw.jsonl", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        opened.append(descriptor)

        def append(record: dict[str, Any]) -> None:
            os.write(descriptor, _line(record))
            os.fdatasync(descriptor)

        return append

    yield writer_for
    for descriptor in opened:
        os.close(descriptor)


@contextmanager
def _sqlite(folder: Path) -> Iterator[Callable[[], Append]]:
    """Every writer has a connection of its own and commits every record; a key is unique."""
    path = folder / "events.db"
    with closing(_connect(path)) as connection:
        connection.execute("CREATE TABLE events (key TEXT UNIQUE, record BLOB)")

    def writer_for() -> Append:
        connection = _connect(path)

        def append(record: dict[str, Any]) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO events VALUES (?, ?)",
                (record.get("idempotency_key"), _line(record)),
            )

        return append

    yield writer_for


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def _log(folder: Path, clock: Clock, window_s: float) -> Iterator[Callable[[], Append]]:
    log = AppendLog(folder / "log", clock=clock, window_s=window_s)

    def append(record: dict[str, Any]) -> None:
        log.append(record).result()

    yield lambda: append
    log.close()


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _interaction(rng: random.Random, number: str) -> dict[str, Any]:
    """Return a record of the size of a real one: 20 candidates, 3 shown with their features."""

    def numbers(n: int) -> list[float]:
        return [round(rng.random(), 6) for _ in range(n)]

    return {
        "interaction_id": f"i_{number}",
        "input": "급식카드 되는 치킨집 추천해줘",
        "response": "치킨 좋아요! " * 12,
        "candidates": [
            {"shop_id": f"S-{i:05d}", "rag_score": a, "score": b, "funnels": {"content": c}}
            for i, (a, b, c) in enumerate(numbers(3) for _ in range(_CANDIDATES))
        ],
        "shown": [{"shop_id": f"S-{i:05d}", "wide": numbers(_FEATURES)} for i in range(_SHOWN)],
    }


def _feedback(rng: random.Random, number: str) -> dict[str, Any]:
    return {
        "idempotency_key": f"f_{number}",
        "user_id": f"u_{rng.getrandbits(96):024x}",
        "shop_id": f"S-{rng.randrange(10_000):05d}",
        "feedback_type": "clicked",
        "recorded_at": "2026-11-21T08:05:20.686885+00:00",
        "review_text": None,
    }
