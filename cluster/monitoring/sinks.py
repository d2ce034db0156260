"""Where changes of alerts are told: a log and a webhook; the page reads the store. Sends what it is given, decides nothing.

An event names no user and quotes no message, so nothing personal leaves here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from cluster.monitoring.alerts import AlertEvent, Level
from cluster.monitoring.store import AlertStore, unread
from naviyam.errors import NaviyamError

_logger = logging.getLogger(__name__)
WEBHOOK_TIMEOUT_S = 3.0
"""Of one post; a sink stops at its first failure, so that a dead receiver holds a tick no longer than this."""


class SinkError(NaviyamError, RuntimeError):
    """A sink did not take an event; it is sent again at the next tick."""


class Sink(Protocol):
    """One place to tell. `name` is its place in the store's order of events, so it must stay the same."""

    name: str

    def send(self, event: AlertEvent) -> None:
        """Tell it.

        Raises:
            SinkError: it was not taken; send it again later.
        """
        ...


class LogSink:
    """The process's log; the operator's Korean line first."""

    name = "log"

    def send(self, event: AlertEvent) -> None:
        told = event.to_dict()
        level = logging.ERROR if event.level is Level.ALARM else logging.WARNING
        _logger.log(
            logging.INFO if event.kind == "cleared" else level,
            "alert %s %s [%s, %s]: %s (%s) | %s | first look: %s",
            event.rule,
            event.kind,
            told["level"],
            event.population,
            told["korean"],
            event.statement,
            told["meaning"],
            told["first_look"],
        )


class WebhookSink:
    """Posts each event as JSON. What answers 2xx has taken it; the receiver may get one twice and knows it by `number`."""

    name = "webhook"

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._client = httpx.Client(timeout=WEBHOOK_TIMEOUT_S, trust_env=False, transport=transport)

    def send(self, event: AlertEvent) -> None:
        try:
            self._client.post(self._url, json=event.to_dict()).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise SinkError(
                f"monitoring.webhook did not take event {event.number}: {type(e).__name__}"
            ) from e

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@dataclass(slots=True)
class MemorySink:
    """Keeps what it was told; refuses while `down`."""

    events: list[AlertEvent]
    name: str = "memory"
    down: bool = False

    def send(self, event: AlertEvent) -> None:
        if self.down:
            raise SinkError(f"{self.name} is down")
        self.events.append(event)


def deliver(store: AlertStore, sinks: Sequence[Sink]) -> int:
    """Tell every sink what it has not been told, in order; return how many were taken. A failure waits for the next call."""
    taken = 0
    for sink in sinks:
        for event in unread(store, sink.name):
            try:
                sink.send(event)
            except SinkError as e:
                _logger.warning("%s; again at the next tick", e)
                break
            store.advance(sink.name, event.number)
            taken += 1
    return taken
