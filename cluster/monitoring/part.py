"""Monitoring as a part of the controller: reads the event log, decides, keeps, tells. The effects of this package are here.

`tick` may be called at any time and again after a crash: what was looked at, raised and told stands in the store.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from cluster.database import open_engine
from cluster.monitoring.alerts import BY_NAME, Level, Reading, Watch, step
from cluster.monitoring.looks import earliest, readings_of
from cluster.monitoring.sinks import LogSink, Sink, WebhookSink, deliver
from cluster.monitoring.source import POPULATIONS, Population, populations
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.monitoring.store import AlertStore
from cluster.monitoring.windows import Window
from naviyam.errors import NaviyamError
from naviyam.feedback.query import Views, reading
from naviyam.feedback.store import EventStore
from naviyam.ids import new_id
from naviyam.settings import Settings

_logger = logging.getLogger(__name__)


class MonitoringPart:
    """Looks at every rule that is due.

    Args:
        settings: `monitoring`, and of `rollout` the time in which a choice counts for its answer.
        events: the log that is watched.
        store: keeps alerts.
        sinks: are told.
        name_alert: returns the id of an alert that is raised now.
    """

    name = "monitoring"

    def __init__(
        self,
        settings: Settings,
        events: EventStore,
        store: AlertStore,
        sinks: Sequence[Sink],
        *,
        name_alert: Callable[[datetime], str] = lambda now: new_id("al", now),
    ) -> None:
        self.every_s = settings.monitoring.every_s
        self.store = store
        self._settings = settings
        self._events = events
        self._sinks = sinks
        self._name_alert = name_alert

    @classmethod
    def of(cls, settings: Settings) -> "MonitoringPart":
        """Return the installation's, telling its log and its webhook."""
        sinks: list[Sink] = [LogSink()]
        if settings.monitoring.webhook:
            sinks.append(WebhookSink(settings.monitoring.webhook))
        store = SqlAlertStore(open_engine(settings))
        return cls(settings, EventStore.of(settings), store, sinks)

    def tick(self, now: datetime) -> None:
        """Look at what is due, keep what came of it, tell the sinks. Blocks for the reading of the log."""
        watches = [self.store.watch(rule, p) for p in POPULATIONS for rule in BY_NAME]
        due = {(w.rule, w.population) for w in watches if w.due(now)}
        readings, failure = self._look(due, now)
        readings["log_unreadable", "real"] = failure
        for watch in watches:
            found = readings.get((watch.rule, watch.population))
            if found is not None:
                self._keep(watch, found, now)
        deliver(self.store, self._sinks)

    def _look(
        self, due: set[tuple[str, Population]], now: datetime
    ) -> tuple[dict[tuple[str, Population], Reading], Reading]:
        """Return the readings of what is due, and the one of the log itself."""
        since = earliest({rule for rule, _ in due}, self._settings, now)

        def work(views: Views) -> dict[tuple[str, Population], Reading]:
            return {
                (found.rule, population): found
                for population in populations(views, Window(start=since, end=now))
                for found in readings_of(
                    views, {r for r, p in due if p == population}, population, self._settings, now
                )
            }

        try:
            found = reading(self._events, work, since=since)
        except (NaviyamError, OSError) as e:
            _logger.warning("the event log cannot be read: %s", e)
            return {}, Reading(
                rule="log_unreadable", level=Level.ALARM, value=None, statement=type(e).__name__
            )
        return found, Reading(rule="log_unreadable", level=Level.OK, value=None, statement="read")

    def _keep(self, watch: Watch, found: Reading, now: datetime) -> None:
        own = self._settings.monitoring
        after, event = step(
            watch,
            found,
            now,
            raise_after=own.raise_after,
            clear_after=own.clear_after,
            alert_id=self._name_alert(now),
        )
        self.store.keep(after, event)
