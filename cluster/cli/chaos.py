"""kill -9 of a running installation's parts, at random moments, while it is used; and what must hold afterwards.

Owns the killing, the load that knows what was acknowledged, and the checks. Only processes that carry the mark of the
installation's own head are ever killed.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from cluster.cli.session import Session
from cluster.cli.story import Story
from cluster.jobs.folders import JobFolder
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.states import ENDED, JobEvent, JobState
from naviyam.errors import NaviyamError
from naviyam.ids import new_id

Target = Literal["controller", "replica", "job worker", "head"]
_SHARE: Mapping[Target, float] = {
    "controller": 0.4,
    "replica": 0.25,
    "job worker": 0.25,
    "head": 0.1,
}
_TITLES: Mapping[Target, tuple[str, ...]] = {
    "controller": ("ray::Controller",),
    "replica": ("ray::ServeReplica",),
    "job worker": ("cluster.jobs.attempt",),
    "head": ("gcs_server", "raylet/raylet", "ray start --head", "scripts start --head"),
}
"""What stands in the command line of a target's processes."""


@dataclass(slots=True, kw_only=True)
class Killer:
    """Kills at random moments; brings a killed head back as an operator's supervisor would, by `naviyam up`."""

    story: Story
    restart: Callable[[], None]
    rng: random.Random
    pause_s: tuple[float, float]
    done: Counter[str] = field(default_factory=Counter)

    def run(self, kills: int) -> None:
        """Kill so many times."""
        while self.done.total() < kills:
            time.sleep(self.rng.uniform(*self.pause_s))
            target = self.rng.choices(list(_SHARE), list(_SHARE.values()))[0]
            pids = processes_of(self.story.session, target)
            if not pids:
                continue  # no job runs just now, or a part is still coming back
            chosen = pids if target == "head" else [self.rng.choice(pids)]
            for pid in chosen:
                kill(pid)
            self.done[target] += 1
            self.story.tell(f"kill -9 no. {self.done.total()}", target=target, pids=len(chosen))
            if target == "head":
                self.restart()


def processes_of(session: Session, target: Target) -> list[int]:
    """Return the ids of a target's processes below the installation's own head."""
    from cluster.ray_io.head import find_head, marked_processes

    head = find_head(session.settings)
    if head is None:
        return []
    return [
        pid
        for pid in marked_processes(head.mark)
        if any(title in _command(pid) for title in _TITLES[target])
    ]


def kill(pid: int) -> None:
    """Kill a process that may be gone by now."""
    import os
    import signal

    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")  # fmt: skip
    except OSError:
        return ""


@dataclass(slots=True, kw_only=True)
class Acknowledged:
    """A client that sends feedback with keys of its own until each is acknowledged, and remembers which were."""

    base_url: str
    shop_id: str
    credentials: Mapping[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the current feedback."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=60)

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            key = f"chaos-{number}"
            if self._send(key):
                self.keys.append(key)
                number += 1
            else:
                self.refused += 1
            self._stop.wait(0.1)

    def _send(self, key: str) -> bool:
        body = {
            "user_id": "chaos",
            "shop_id": self.shop_id,
            "feedback_type": "clicked",
            "idempotency_key": key,
            "simulated": True,
        }
        try:
            answer = httpx.post(
                f"{self.base_url}/feedback",
                json=body,
                headers=self.credentials,
                timeout=10,
                trust_env=False,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold, and what was found."""

    what: str
    holds: bool
    found: str


def check_jobs(session: Session, ids: list[str]) -> list[Check]:
    """Check that every job that was accepted ended well, and none ran on after it had."""
    store = SqlStore.of(session.settings)
    lost, twice, attempts = [], [], 0
    for identity in ids:
        job = store.job(identity)
        attempts += job.attempt
        history = [change.event for change in store.history(identity)]
        if job.state is not JobState.SUCCEEDED or not JobFolder.of(session.settings, identity).result():  # fmt: skip
            lost.append(f"{identity}: {job.state.value} {job.reason}")
        if history.count(JobEvent.DONE) > 1:
            twice.append(identity)
    return [
        Check(
            what="every job that was accepted ended well",
            holds=not lost,
            found=f"{len(ids) - len(lost)} of {len(ids)} in {attempts} attempts{_listed(lost)}",
        ),
        Check(what="no job was done twice", holds=not twice, found=_listed(twice) or "none"),
    ]


def wait_for_jobs(session: Session, ids: list[str], *, timeout_s: float) -> None:
    """Wait until all have ended, or the time is over."""
    store = SqlStore.of(session.settings)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if all(store.job(identity).state in ENDED for identity in ids):
            return
        time.sleep(1)


def check_events(session: Session, acknowledged: Acknowledged) -> Check:
    """Check that every acknowledged feedback is in the log, once."""
    from naviyam.feedback.query import query
    from naviyam.feedback.store import EventStore

    sql = f"SELECT count(*), count(DISTINCT idempotency_key) FROM feedback WHERE shop_id = '{acknowledged.shop_id}' AND idempotency_key IS NOT NULL AND user_id IN (SELECT user_id FROM feedback WHERE shop_id = '{acknowledged.shop_id}' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)"
    ((rows, keys),) = query(EventStore.of(session.settings), sql, limit=1).rows
    sent = len(acknowledged.keys)
    return Check(
        what="every acknowledged feedback is read back once",
        holds=rows == keys and keys >= sent,
        found=f"{sent} acknowledged, {keys} in the log, {rows - keys} twice",
    )


def _listed(names: list[str]) -> str:
    return f" ({'; '.join(names[:5])})" if names else ""


def planted(session: Session, name: str, *, worse: bool, noise: float) -> str:
    """Register a copy of the ranker that serves first, turned around or not, with content of its own; return its version."""
    from cluster.registry.models import Lineage
    from cluster.registry.release import OFFLINE_GAIN
    from cluster.rollout.opened import open_rollouts
    from naviyam.simulation.planted import planted_ranker

    registry = open_rollouts(session.settings).registry
    source = registry.versions("ranker")[0]
    target = session.settings.paths.state / "planted" / name
    planted_ranker(source.folder, target, reverse=worse, noise=noise)
    return registry.register(
        "ranker",
        target,
        lineage=Lineage(parent=source.version, simulated=True),
        metrics={OFFLINE_GAIN: 0.05},
    ).version


def submit(session: Session, kind: str, arguments: tuple[str, ...] = ()) -> str | None:
    """Put a job into the queue; return its id, None where the database did not take it."""
    from cluster.jobs.commands import JobCommands
    from naviyam.clock import SystemClock

    clock = SystemClock()
    commands = JobCommands(
        settings=session.settings, store=SqlStore.of(session.settings), clock=clock
    )
    try:
        return commands.submit(
            kind, arguments, who="chaos", dedup_key=new_id("chaos", clock.now())
        ).id
    except NaviyamError:
        return None


def document(checks: list[Check], killer: Killer) -> dict[str, Any]:
    """Return the outcome as plain JSON."""
    return {
        "kills": dict(killer.done),
        "checks": [{"what": c.what, "holds": c.holds, "found": c.found} for c in checks],
        "holds": all(c.holds for c in checks),
        "story": killer.story.events,
    }
