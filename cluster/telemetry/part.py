"""Telemetry as a part of the controller: reads store, experiments, alerts and event log, and sets the gauges. Writes nothing else."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.database import open_engine
from cluster.jobs.states import ENDED, JobState
from cluster.jobs.store import Store
from cluster.jobs.types import Load
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.monitoring.store import AlertStore
from cluster.rollout.sql_store import SqlExperiments
from cluster.rollout.store import Experiments
from cluster.schedule.part import ScheduleCommands
from cluster.telemetry import control
from cluster.telemetry.control import Shown
from naviyam.clock import Clock
from naviyam.feedback.schema import KINDS
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings

_EVERY_S = 15.0
_RECENT = 500
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryPart:
    """Looks at everything the controller knows; one source that cannot be read does not hide the others.

    Args:
        settings: of the installation.
        store: jobs and schedules.
        experiments: rollouts.
        alert_store: alerts.
        events: the event log.
        clock: the machine's.
        load: returns the load that the gate saw last.
        shown: where the gauges are.
    """

    settings: Settings
    store: Store
    experiments: Experiments
    alert_store: AlertStore
    events: EventStore
    clock: Clock
    load: Callable[[], Load | None]
    shown: Shown
    name: str = "telemetry"
    every_s: float = _EVERY_S

    @classmethod
    def of(
        cls,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        load: Callable[[], Load | None],
        shown: Shown,
    ) -> "TelemetryPart":
        """Return the installation's."""
        engine = open_engine(settings)
        return cls(
            settings=settings,
            store=store,
            experiments=SqlExperiments(engine),
            alert_store=SqlAlertStore(engine),
            events=EventStore.of(settings),
            clock=clock,
            load=load,
            shown=shown,
        )

    def tick(self, now: datetime) -> None:
        """Look and tell.

        Raises:
            Exception: what the last source that failed raised, after all were looked at.
        """
        failed: Exception | None = None
        for group, look in (
            ("jobs", self._jobs),
            ("schedule", self._schedule),
            ("experiments", self._experiments),
            ("alerts", self._alerts),
            ("segments", self._segments),
        ):
            try:
                self.shown.show(group, look(now))
            except Exception as e:  # of whichever source: the others must be seen
                _logger.warning("%s cannot be looked at: %s", group, type(e).__name__)
                failed = e
        if failed is not None:
            raise failed

    def _jobs(self, now: datetime) -> list[control.Sample]:
        open_jobs = self.store.jobs(states=frozenset(JobState) - ENDED, limit=10_000)
        needed = {name: self.store.job(name).state for job in open_jobs for name in job.spec.after}
        return control.jobs(
            self.store.jobs(limit=_RECENT),
            open_jobs,
            needed=needed,
            load=self.load(),
            limits=self.settings.jobs,
            now=now,
        )

    def _schedule(self, now: datetime) -> list[control.Sample]:
        asked = ScheduleCommands(settings=self.settings, store=self.store, clock=self.clock)
        return control.schedule(asked.show())

    def _experiments(self, now: datetime) -> list[control.Sample]:
        return control.experiments(self.experiments.all(), self.experiments.traffic())

    def _alerts(self, now: datetime) -> list[control.Sample]:
        return control.alerts(self.alert_store.alerts(open_only=True))

    def _segments(self, now: datetime) -> list[control.Sample]:
        return control.segments(
            {kind: [_began(stem) for stem in self.events.stems(kind)] for kind in KINDS}, now
        )


def _began(stem: str) -> datetime:
    """Return when a segment began: its name begins with the milliseconds."""
    return datetime.fromtimestamp(int(stem.partition("-")[0]) / 1_000, UTC)


def beat_to(shown: Shown) -> Callable[[dict[str, Any]], None]:
    """Return what takes the state of the parts after every round."""
    return lambda state: shown.show("controller", control.beat(state))
