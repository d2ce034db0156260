"""A story told while it happens: lines with their second, and the watchers that wait for jobs, canaries and versions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.cli.session import Session

if TYPE_CHECKING:
    from cluster.rollout.experiment import Experiment
    from cluster.rollout.rollouts import Rollouts

_LOOK_EVERY_S = 0.5


@dataclass(slots=True, kw_only=True)
class Story:
    """What happened when, in seconds since it began."""

    session: Session
    began_s: float = field(default_factory=time.monotonic)
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, what: str, **facts: object) -> None:
        """Add a line and show it at once."""
        at_s = round(time.monotonic() - self.began_s, 1)
        self.events.append({"at_s": at_s, "what": what, **facts})
        self.session.say(f"[{at_s:7.1f} s] {what}: {words(facts)}")

    def rows(self) -> list[tuple[object, ...]]:
        """Return the story as rows: second, what, facts."""
        plain = ("at_s", "what")
        return [
            (e["at_s"], e["what"], words({k: v for k, v in e.items() if k not in plain}))
            for e in self.events
        ]


def words(facts: Mapping[str, object]) -> str:
    """Return facts as one line."""
    return ", ".join(f"{k} {v}" for k, v in facts.items())


def versions(session: Session) -> dict[str, str]:
    """Return the versions of what learns, by its name in the registry."""
    from cluster.cli.client import ServiceClient

    with ServiceClient(session.base_url, credentials=session.credentials) as client:
        found = client.call("GET", "/version")
    return {"ranker": str(found.get("ranker")), "nlg": str(found.get("adapter"))}


def wait_for_job(story: Story, kind: str, *, known: frozenset[str], timeout_s: float) -> dict[str, Any] | None:  # fmt: skip
    """Tell how the next job of a kind fares; return its result, None where none came or it did not succeed.

    Args:
        story: is told every change of state.
        kind: of the job.
        known: ids of the jobs that were there before.
        timeout_s: after which nobody waits any longer.
    """
    from cluster.jobs.folders import JobFolder
    from cluster.jobs.sql_store import SqlStore
    from cluster.jobs.states import ENDED, JobState

    settings = story.session.settings
    store = SqlStore.of(settings)
    told = ""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        job = next((j for j in store.jobs() if j.spec.kind == kind and j.id not in known), None)
        state = "" if job is None else f"{job.state.value} (attempt {job.attempt})"
        if job is not None and state != told:
            told = state
            story.tell(f"job {kind}", id=job.id, state=state, **({"why": job.reason} if job.reason else {}))  # fmt: skip
        if job is not None and job.state in ENDED:
            ended = JobFolder.of(settings, job.id).result()
            return dict(ended or {}) if job.state is JobState.SUCCEEDED else None
        time.sleep(_LOOK_EVERY_S)
    story.tell(f"job {kind}", state="nothing came of it in time", waited_s=timeout_s)
    return None


def watch_canary(
    story: Story,
    rollouts: "Rollouts",
    *,
    layer: str,
    candidate: str,
    use: Callable[[], None],
    timeout_s: float,
) -> "Experiment | None":
    """Let the service be used until a candidate's experiment is over, telling its history; return it, None where none is in time."""
    from cluster.rollout.experiment import OPEN

    told = 0
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = [e for e in rollouts.experiments.all() if (e.layer, e.candidate) == (layer, candidate)]  # fmt: skip
        if not found:
            time.sleep(_LOOK_EVERY_S)
            continue
        experiment = found[-1]
        for entry in rollouts.experiments.history(experiment.id):
            if entry.number > told:
                told = entry.number
                story.tell(
                    f"canary {layer}: {entry.note.what}",
                    share=f"{entry.weight:.0%}",
                    state=entry.state.value,
                    why=entry.note.why,
                )
        if experiment.state not in OPEN:
            return experiment
        use()
    story.tell(f"canary {layer}", state="not decided in time", waited_s=timeout_s)
    return None


def wait_served(story: Story, wanted: Mapping[str, str], *, timeout_s: float) -> bool:
    """Wait until versions, by model, answer; return whether they do in time."""
    began_s = time.monotonic()
    while True:
        now = versions(story.session)
        if all(version in now.get(name, "") for name, version in wanted.items()):
            story.tell("serving", after_s=round(time.monotonic() - began_s, 1), **now)
            return True
        if time.monotonic() - began_s > timeout_s:
            story.tell("not served in time", wanted=dict(wanted), **now)
            return False
        time.sleep(_LOOK_EVERY_S)
