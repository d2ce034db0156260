"""What a snapshot is made of beside the figures: the control plane's tables and Serve's report, cut to what a page shows."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cluster.jobs.states import ENDED
from cluster.rollout.experiment import OPEN, Experiment
from cluster.traffic_file import published_traffic
from deployments.admin.live.feed import Part
from deployments.admin.live.figures import FiguresPart, queues
from deployments.admin.live.recent import past_of
from deployments.admin.open import Control
from naviyam.feedback.store import EventStore

_ENDED_SHOWN = 6
_JOBS_SHOWN = 30
_VERSIONS_SHOWN = 8
_ALERTS_SHOWN = 20
_DECISIONS_SHOWN = 5
_ACTS_SHOWN = 20
_MODELS_EVERY_S = 20.0
"""The registry is asked by some twenty queries, and what it holds changes a few times a day."""

_SILENT_S = 15.0
"""Without a sign of life for so long, the controller counts as down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A part that is one reading of something."""

    name: str
    reading: Callable[[], Mapping[str, Any]]
    every_s: float = 0.0

    def begin(self) -> None:
        """Nothing is to be made ready."""

    def read(self) -> Mapping[str, Any]:
        return self.reading()

    def past(self) -> None:
        """Nothing is told of before."""


def parts_of(control: Control) -> tuple[Part, ...]:
    """Return all parts of an installation's snapshot."""
    figures = FiguresPart(
        scraper=control.scraper,
        past_of=past_of(EventStore.of(control.settings)),
        clock=control.clock,
        least_span_s=control.least_span_s,
    )
    return (
        figures,
        Table(name="deployments", reading=lambda: _deployments(control, figures)),
        Table(name="traffic", reading=lambda: _traffic(control)),
        Table(name="experiments", reading=lambda: _experiments(control)),
        Table(name="jobs", reading=lambda: _jobs(control)),
        Table(name="schedule", reading=lambda: _schedule(control)),
        Table(name="alerts", reading=lambda: _alerts(control)),
        Table(name="models", reading=lambda: _models(control), every_s=_MODELS_EVERY_S),
        Table(name="audit", reading=lambda: _audit(control)),
    )


def _deployments(control: Control, figures: FiguresPart) -> dict[str, Any]:
    """Return each deployment; its queues as the last scrape has them, of replicas that Serve still knows."""
    found = control.watcher.look()
    loads = queues(figures.last) if figures.last is not None else {}

    def row(name: str, replicas: Mapping[str, str]) -> dict[str, Any]:
        load = loads.get(name)
        if load is None:
            return {"running": None, "waiting": None, "busiest": None}
        alive = [n for replica, n in load["running"].items() if replica in replicas]
        return {
            "running": sum(alive),
            "waiting": sum(load["waiting"].values()),
            "busiest": max(alive, default=0.0),
        }

    return {
        "status": found.status,
        "message": found.message,
        "deployments": [
            {
                "name": d.name,
                "status": d.status,
                "message": d.message[:500],
                "target": d.target,
                "states": dict(Counter(d.replicas.values())),
                "nodes": d.nodes,
                **row(d.name, d.replicas),
            }
            for d in found.deployments
        ],
    }


def _traffic(control: Control) -> dict[str, Any]:
    table = control.rollouts.rollouts.experiments.traffic()
    return {**table.to_dict(), "handed_over": published_traffic(control.settings).revision}


def _experiments(control: Control) -> dict[str, Any]:
    held = control.rollouts.rollouts.experiments.all()[::-1]
    opened = [e for e in held if e.state in OPEN]
    ended = [e for e in held if e.state not in OPEN][:_ENDED_SHOWN]
    return {"experiments": [_experiment(control, e) for e in (*opened, *ended)]}


def _experiment(control: Control, experiment: Experiment) -> dict[str, Any]:
    look = control.rollouts.looks.last(experiment.id)
    seen = None
    if look is not None:
        analysis = look.analysis
        kept = ("arms", "differences", "guardrails", "waiting", "sample_ratio")
        seen = {
            "at": look.at.isoformat(),
            "weight": look.weight,
            "verdict": dict(look.verdict),
            **{name: analysis[name] for name in kept},
        }
    return {
        **experiment.to_dict(),
        "weight": experiment.weight,
        "open": experiment.state in OPEN,
        "step_since": experiment.step_since.isoformat(),
        "look": seen,
    }


def _jobs(control: Control) -> dict[str, Any]:
    jobs = control.store.jobs(limit=_JOBS_SHOWN)
    beat = control.store.read("controller")
    now = control.clock.now()
    silent = timedelta(seconds=_SILENT_S)
    alive = bool(beat) and now - datetime.fromisoformat(beat["at"]) < silent
    shown = ("id", "kind", "state", "attempt", "who", "submitted_at", "started_at", "ended_at")
    more = ("error", "reason", "waits_for", "cancel")
    return {
        "controller": {"alive": alive, "at": beat.get("at"), "parts": beat.get("parts", {})},
        "running": sum(1 for job in jobs if job.state not in ENDED),
        "jobs": [{name: job.to_dict()[name] for name in (*shown, *more)} for job in jobs],
    }


def _schedule(control: Control) -> dict[str, Any]:
    found = control.schedule.show()
    return {
        kind: {**each, "decisions": each["decisions"][:_DECISIONS_SHOWN]}
        for kind, each in found.items()
    }


def _alerts(control: Control) -> dict[str, Any]:
    found = control.alerts.alerts(limit=_ALERTS_SHOWN)
    return {
        "open": sum(1 for alert in found if alert.cleared_at is None),
        "alerts": [alert.to_dict() for alert in found],
    }


def _models(control: Control) -> dict[str, Any]:
    registry = control.registry
    found = {}
    for name in registry.names():
        versions = registry.versions(name)
        champion, challenger = (registry.alias(name, a) for a in ("champion", "challenger"))
        found[name] = {
            "champion": champion and champion.version,
            "challenger": challenger and challenger.version,
            "versions": [
                {
                    "version": v.version,
                    "metrics": dict(v.metrics),
                    "created_at": v.created_at.isoformat(),
                    "refused": v.refused,
                    "removed": v.removed_at is not None,
                }
                for v in versions[::-1][:_VERSIONS_SHOWN]
            ],
            "count": len(versions),
        }
    return found


def _audit(control: Control) -> dict[str, Any]:
    return {"entries": [e.to_dict() for e in control.audit.entries(limit=_ACTS_SHOWN)]}
