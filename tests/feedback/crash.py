"""Kill writers and compaction of one event store with -9 at random points, then count: acknowledged = read back, exactly once.

    python tests/feedback/crash.py --kills 300 --seed 1 [--folder DIR] [--uri file:///DIR]

Two writers (four threads each) and one compaction run all the time; one of the three is killed and started again, over and
over. Writers note what they send before and what was acknowledged after; a restarted one sends again what its
predecessor had no answer for. Some users ask to be forgotten. Everything is forked from one process that uses no Arrow itself.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from naviyam.clock import SystemClock
from naviyam.feedback.compaction import compact
from naviyam.feedback.log import AppendLog
from naviyam.feedback.query import query
from naviyam.feedback.reader import read_events
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS, TABLES, TOMBSTONES
from naviyam.feedback.storage import Storage
from naviyam.feedback.store import EventStore

CLOCK = SystemClock()
WRITERS = 2
THREADS = 4
OLD = timedelta(days=40)
AGES = (timedelta(0), timedelta(hours=1), timedelta(hours=3), timedelta(hours=4), OLD)
MERGE_UP_TO = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where one run takes place."""

    folder: Path
    uri: str | None

    @property
    def store(self) -> EventStore:
        return EventStore(self.folder / "events", Storage.open(self.uri) if self.uri else None)

    def note(self, what: str, value: dict[str, Any]) -> None:
        """Append one line; what is written survives the writer's death."""
        data = json.dumps(value).encode() + b"\n"
        descriptor = os.open(self.folder / what, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, data)
        os.close(descriptor)

    def noted(self, what: str, *, last_bytes: int = 1 << 40) -> list[dict[str, Any]]:
        path = self.folder / what
        data = path.read_bytes() if path.exists() else b""
        lines = data[-last_bytes:].split(b"\n")[:-1]
        return [json.loads(line) for line in lines[1 if len(data) > last_bytes else 0 :]]


@dataclass
class Outcome:
    """What a run found; `problems` is empty where the log kept its word."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    forgotten_users: int = 0
    torn_or_unacknowledged: int = 0
    problems: list[str] = field(default_factory=list)


def identity(kind: str, record: dict[str, Any]) -> str:
    return str(record["idempotency_key" if kind == FEEDBACK else "interaction_id"])


def write(at: Surroundings, name: str, seed: int, again: list[dict[str, Any]]) -> None:
    store = at.store
    logs = {
        kind: AppendLog(
            store.spool / kind,
            clock=CLOCK,
            keys=lambda k=kind: store.keys(k),
            window_s=0.001,
            max_records=25,
        )
        for kind in (INTERACTIONS, FEEDBACK, TOMBSTONES)
    }

    def send(kind: str, record: dict[str, Any]) -> None:
        note = {"kind": kind, "id": identity(kind, record), "user": record["user_id"]}
        at.note("sent", {**note, "record": record})
        logs[kind].append(record).result()
        at.note("acknowledged", note)

    def work(thread: int) -> None:
        rng = random.Random(f"{seed}-{thread}")
        for n in range(10_000_000):
            user = f"u-{name}-{thread}-{n}"
            for i in range(rng.randrange(1, 25)):
                written = (CLOCK.now() - rng.choice(AGES)).isoformat()
                time.sleep(rng.uniform(0.0, 0.02))
                common = {"recorded_at": written, "user_id": user}
                if rng.random() < 0.5:
                    send(INTERACTIONS, {**common, "interaction_id": f"{user}-{i}", "input": "치킨"})
                else:
                    record = {**common, "idempotency_key": f"{user}-{i}", "review_text": "맛있어요"}
                    send(FEEDBACK, record)
                    if rng.random() < 0.3:
                        assert logs[FEEDBACK].append(record).result() is True
            if rng.random() < 0.2:
                at.note("forgetting", {"user": user})
                tombstone = {"user_id": user, "recorded_at": CLOCK.now().isoformat()}
                logs[TOMBSTONES].append(tombstone).result()
                at.note("forgotten", {"user": user})

    for sent in again:
        send(sent["kind"], sent["record"])
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compact_for_ever(at: Surroundings) -> None:
    while True:
        compact(at.store, CLOCK, raw_text_days=30, merge_up_to_bytes=MERGE_UP_TO)
        time.sleep(0.002)


def start(act: Callable[[], Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        os._exit(0)
    except BaseException as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        os._exit(1)


def check(at: Surroundings, *, final: bool) -> list[str]:
    """Return what is wrong, reading beside whoever writes and compacts."""
    acknowledged = {(a["kind"], a["id"]): a["user"] for a in at.noted("acknowledged")}
    forgotten = {f["user"] for f in at.noted("forgotten")}
    problems = []
    store = at.store
    for kind in TABLES:
        found = Counter(identity(kind, r) for r in read_events(store, kind))
        forgetting = {f["user"] for f in at.noted("forgetting")}
        due = {i for (k, i), user in acknowledged.items() if k == kind and user not in forgetting}
        sent = {s["id"] for s in at.noted("sent") if s["kind"] == kind}
        twice = [i for i, n in found.items() if n > 1]
        problems += [f"{kind} {i} was acknowledged and is lost" for i in sorted(due - set(found))]
        problems += [f"{kind} {i} is read {found[i]} times" for i in twice]
        problems += [f"{kind} {i} was never sent" for i in sorted(set(found) - sent)]
        problems += [
            f"{kind} {i} is of a forgotten user" for i in found if i.rsplit("-", 1)[0] in forgotten
        ]
        if final:
            problems += check_compacted(store, kind, forgotten, found)
    return problems


def check_compacted(
    store: EventStore, kind: str, forgotten: set[str], found: Counter[str]
) -> list[str]:
    problems = []
    text = "input" if kind == INTERACTIONS else "review_text"
    rows = query(store, f"SELECT count(*) FROM {kind}", limit=1).rows[0][0]
    if rows != len(found):
        problems.append(f"{kind}: DuckDB counts {rows}, the reader {len(found)}")
    if store.stems(kind):
        problems.append(f"{kind}: segments are left after the last compaction")
    table = store.dataset(kind, [p for ps in store.parts(kind).values() for p in ps]).to_table()
    if forgotten & set(table["user_id"].to_pylist()):
        problems.append(f"{kind}: a forgotten user is still in Parquet")
    limit = CLOCK.now() - timedelta(days=30)
    for when, words in zip(table["recorded_at"].to_pylist(), table[text].to_pylist(), strict=True):
        if (words is None) != (when < limit):
            problems.append(f"{kind}: {words!r} recorded at {when}")
    return problems


def unanswered(at: Surroundings, name: str) -> list[dict[str, Any]]:
    """Return what the last writer of this name had no answer for: among the newest lines."""
    done = {(a["kind"], a["id"]) for a in at.noted("acknowledged", last_bytes=1 << 20)}
    leaving = {f["user"] for f in at.noted("forgetting")}
    return [
        s
        for s in at.noted("sent", last_bytes=1 << 19)
        if (s["kind"], s["id"]) not in done
        and s["user"] not in leaving
        and s["user"].startswith(f"u-{name}")
        and s["kind"] == FEEDBACK  # an interaction has no key: nobody sends it again
    ]


def checked(at: Surroundings, *, final: bool) -> list[str]:
    """Check in a process of its own."""
    result = at.folder / "result"

    def act() -> None:
        if final:
            compact(at.store, CLOCK, raw_text_days=30, merge_up_to_bytes=MERGE_UP_TO)
        result.write_text(json.dumps(check(at, final=final)))

    result.unlink(missing_ok=True)
    pid = start(act)
    os.waitpid(pid, 0)
    if not result.exists():
        return ["the check itself failed"]
    problems: list[str] = json.loads(result.read_text())
    return problems


def run(
    folder: Path,
    *,
    kills: int,
    seed: int,
    uri: str | None = None,
    pause_s: float = 0.15,
    every: int = 40,
) -> Outcome:
    """Run until `kills` processes were killed; `pause_s` is the longest time between two kills."""
    at, rng, outcome = Surroundings(folder=folder, uri=uri), random.Random(seed), Outcome()
    running: dict[str, int] = {}
    names = [f"w{i}" for i in range(WRITERS)]

    def launch(role: str, n: int) -> None:
        if role == "compaction":
            running[role] = start(lambda: compact_for_ever(at))
        else:
            again = unanswered(at, role)
            running[role] = start(lambda: write(at, f"{role}.{n}", seed * 1_000_003 + n, again))

    try:
        for n, role in enumerate((*names, "compaction")):
            launch(role, n)
        for n in range(10, 10 + kills):
            time.sleep(rng.uniform(0.0, pause_s))
            role = rng.choice(sorted(running))
            finished, _ = os.waitpid(running[role], os.WNOHANG)
            if finished:
                outcome.problems.append(f"{role} ended by itself")
            else:
                os.kill(running[role], signal.SIGKILL)
                os.waitpid(running[role], 0)
            outcome.kills["compaction" if role == "compaction" else "writer"] += 1
            launch(role, n)
            if n % every == 0:
                outcome.problems += checked(at, final=False)
    finally:
        for pid in running.values():  # this run's own children, by their id
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    outcome.problems += checked(at, final=True)
    outcome.acknowledged = len({(a["kind"], a["id"]) for a in at.noted("acknowledged")})
    outcome.forgotten_users = len(at.noted("forgotten"))
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--uri", help="where closed segments and Parquet go, e.g. file:///tmp/x")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    outcome = run(folder, kills=given.kills, seed=given.seed, uri=given.uri)
    seconds = time.perf_counter() - began
    print(  # noqa: T201
        f"{dict(outcome.kills)} killed in {seconds:.0f} s; {outcome.acknowledged} records acknowledged, "
        f"{outcome.forgotten_users} users forgotten; problems: {outcome.problems[:10] or 'none'}"
    )
    if not outcome.problems and given.folder is None:
        shutil.rmtree(folder)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
