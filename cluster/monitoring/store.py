"""Where alerts, the watches behind them and what is still to be told are kept. A port, with an in-memory implementation.

One writer looks (the controller); anyone may read, and acknowledge. A look is kept whole or not at all: the watch, the alert
and its event in one transaction. Events have numbers that only grow, so whoever acts on them (sinks, rollouts) remembers
the last one under a name of its own and misses none, whatever dies between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from cluster.monitoring.alerts import Alert, AlertEvent, Watch
from cluster.monitoring.source import Population
from naviyam.errors import NotFoundError


class AlertStore(Protocol):
    """Durable where it is a database."""

    def watch(self, rule: str, population: Population) -> Watch:
        """Return what is remembered of a rule, a fresh watch where nothing is."""
        ...

    def keep(self, watch: Watch, event: AlertEvent | None) -> AlertEvent | None:
        """Keep a watch and what it told; return the event with its number."""
        ...

    def alerts(self, *, open_only: bool = False, limit: int = 100) -> tuple[Alert, ...]:
        """Return alerts, newest first."""
        ...

    def acknowledge(self, alert_id: str, *, by: str, at: datetime) -> Alert:
        """Mark an alert as seen by somebody. Idempotent: who was first stays.

        Raises:
            NotFoundError: there is no such alert.
        """
        ...

    def events(self, after: int, *, limit: int = 100) -> tuple[AlertEvent, ...]:
        """Return events with greater numbers, oldest first."""
        ...

    def cursor(self, reader: str) -> int:
        """Return the number that `reader` has got to, 0 at first."""
        ...

    def advance(self, reader: str, number: int) -> None:
        """Remember how far `reader` has got; it never goes back."""
        ...


@dataclass(slots=True)
class MemoryAlertStore:
    """`AlertStore` of one process."""

    _watches: dict[tuple[str, str], Watch] = field(default_factory=dict)
    _alerts: dict[str, Alert] = field(default_factory=dict)
    _events: list[AlertEvent] = field(default_factory=list)
    _cursors: dict[str, int] = field(default_factory=dict)

    def watch(self, rule: str, population: Population) -> Watch:
        return self._watches.get((rule, population), Watch(rule=rule, population=population))

    def keep(self, watch: Watch, event: AlertEvent | None) -> AlertEvent | None:
        self._watches[watch.rule, watch.population] = watch
        if event is None:
            return None
        event = replace(event, number=len(self._events) + 1)
        self._events.append(event)
        self._alerts[event.alert_id] = told(self._alerts.get(event.alert_id), event)
        return event

    def alerts(self, *, open_only: bool = False, limit: int = 100) -> tuple[Alert, ...]:
        found = sorted(self._alerts.values(), key=newest_first, reverse=True)
        return tuple(a for a in found if a.cleared_at is None or not open_only)[:limit]

    def acknowledge(self, alert_id: str, *, by: str, at: datetime) -> Alert:
        alert = self._alerts.get(alert_id)
        if alert is None:
            raise no_alert(alert_id)
        if alert.acknowledged_at is None:
            alert = replace(alert, acknowledged_at=at, acknowledged_by=by)
            self._alerts[alert_id] = alert
        return alert

    def events(self, after: int, *, limit: int = 100) -> tuple[AlertEvent, ...]:
        return tuple(self._events[after : after + limit])

    def cursor(self, reader: str) -> int:
        return self._cursors.get(reader, 0)

    def advance(self, reader: str, number: int) -> None:
        self._cursors[reader] = max(number, self.cursor(reader))


def told(alert: Alert | None, event: AlertEvent) -> Alert:
    """Return an alert after an event; None is one that is raised by it."""
    if alert is None:
        return Alert(
            alert_id=event.alert_id,
            rule=event.rule,
            population=event.population,
            level=event.level,
            value=event.value,
            statement=event.statement,
            raised_at=event.at,
        )
    return replace(
        alert,
        level=event.level,
        value=event.value,
        statement=event.statement,
        cleared_at=event.at if event.kind == "cleared" else None,
    )


def newest_first(alert: Alert) -> tuple[datetime, str]:
    """Sort key of alerts, to be reversed."""
    return alert.raised_at, alert.alert_id


def no_alert(alert_id: str) -> NotFoundError:
    """Return the error of an id that no alert has."""
    return NotFoundError(f"no alert {alert_id!r}; `naviyam monitor alerts` lists them")


def unread(store: AlertStore, reader: str) -> Sequence[AlertEvent]:
    """Return the events that `reader` has not advanced past, oldest first."""
    return store.events(store.cursor(reader))
