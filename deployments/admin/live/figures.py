"""Figures of the last half minute, out of what all replicas have counted. Pure but for the part that asks for pages."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cluster.monitoring.scrapes import Increase, Scrape, increase, together
from cluster.ray_io.scrape import Scraper
from cluster.telemetry.catalogue import (
    ANSWER_SECONDS,
    ANSWERS,
    DEGRADED,
    FEEDBACK,
    HTTP_REQUESTS,
    LLM_ACTIVE,
    LLM_FIRST,
    LLM_TOKENS,
    LLM_WAITING,
    REFUSED,
    STAGE_SECONDS,
    VERSION_INFO,
)
from cluster.telemetry.instruments import Instrument
from deployments.admin.live.recent import Past
from naviyam.clock import Clock

_ANSWERED = frozenset(("ok", "degraded"))
_COME_AGAIN = frozenset(("429", "503"))
_WINDOW_S = 30.0
_SLACK_S = 1.0
"""Counts come in steps of 10 s: with the default pace a window holds three of them, not two or three by the machine's mood."""

_SHOWN_S = 900.0
_QUEUES = {
    "running": "serve_replica_processing_queries",
    "waiting": "serve_deployment_queued_queries",
}


def figures(grown: Increase, last: Scrape) -> dict[str, Any]:
    """Return rates, shares and quantiles of a span, and gauges of its end, as plain JSON."""
    outcomes = grown.by(_total(ANSWERS), "outcome")
    asked = sum(outcomes.values())
    failed = sum(n for outcome, n in outcomes.items() if outcome not in _ANSWERED)
    seconds = max(grown.seconds, 1e-9)

    def rates(found: Mapping[str, float]) -> dict[str, float]:
        return {name: n / seconds for name, n in sorted(found.items())}

    return {
        "span_s": grown.seconds,
        "requests": asked,
        "requests_per_s": asked / seconds,
        "outcomes_per_s": rates(outcomes),
        "routes_per_s": rates(grown.by(_total(ANSWERS), "route")),
        "error_rate": failed / asked if asked else None,
        "degraded_rate": outcomes.get("degraded", 0.0) / asked if asked else None,
        "degraded_per_s": rates(grown.by(_total(DEGRADED), "reason")),
        "refused_per_s": rates(grown.by(_total(REFUSED), "gate")),
        "statuses_per_s": rates(_refusals(grown)),
        "latency": _latency(grown, ANSWER_SECONDS, "route"),
        "stages": _latency(grown, STAGE_SECONDS, "stage"),
        "feedback_per_s": rates(grown.by(_total(FEEDBACK), "type")),
        "llm": {
            "active": _gauge(last, LLM_ACTIVE),
            "waiting": _gauge(last, LLM_WAITING),
            "tokens_per_s": grown.rate(_total(LLM_TOKENS)),
            "first_p95_s": grown.histogram(LLM_FIRST.name).quantile(0.95),
        },
        "versions": _versions(last),
        "pages": {"read": len(last.pages), "missing": list(last.missing)},
    }


def queues(last: Scrape) -> dict[str, dict[str, dict[str, float]]]:
    """Return how many requests each replica works on, and how many wait before each deployment, by its callers."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind, name in _QUEUES.items():
        for labels, value in last.gauges(name):
            of = found.setdefault(labels.get("deployment", ""), {"running": {}, "waiting": {}})
            key = labels.get("replica") or labels.get("handle") or labels.get("WorkerId", "")
            of[kind][key] = of[kind].get(key, 0.0) + value
    return found


def point(figure: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return what the charts keep of figures."""
    rates = figure["outcomes_per_s"]
    chat = figure["latency"].get("chat", {})
    return {
        "t": round(at.timestamp(), 1),
        "ok": round(rates.get("ok", 0.0), 4),
        "degraded": round(rates.get("degraded", 0.0), 4),
        "error": round(sum(r for o, r in rates.items() if o not in _ANSWERED), 4),
        "refused": round(sum(figure["refused_per_s"].values()), 4),
        "p50": chat.get("p50_s"),
        "p95": chat.get("p95_s"),
    }


@dataclass(slots=True, kw_only=True)
class FiguresPart:
    """Part `figures`: scrapes at each reading, keeps the last half minute, and a quarter of an hour for the charts.

    Args:
        least_span_s: below which nothing is told: counts come in bursts, and half a burst would be a wrong rate.
    """

    scraper: Scraper
    past_of: Past
    clock: Clock
    least_span_s: float = 12.0
    name: str = "figures"
    every_s: float = 0.0
    last: Scrape | None = None
    _grown: deque[Increase] = field(default_factory=deque)
    _points: tuple[dict[str, Any], ...] = ()

    def begin(self) -> None:
        """Forget what is old, and let the charts begin with what the event log says of the time before."""
        self.last = None
        self._grown.clear()
        now = self.clock.now()
        since = now - timedelta(seconds=_SHOWN_S)
        if not self._points or now.timestamp() - self._points[-1]["t"] > _WINDOW_S:
            self._points = tuple(self.past_of(since, now))

    def read(self) -> Mapping[str, Any]:
        scrape = self.scraper.scrape()
        if self.last is not None:
            self._grown.append(increase(self.last, scrape))
        self.last = scrape
        while len(self._grown) > 1 and sum(g.seconds for g in self._grown) > _WINDOW_S + _SLACK_S:
            self._grown.popleft()
        grown = together(self._grown)
        found = figures(grown, scrape)
        if not self._grown or grown.seconds < self.least_span_s:
            return {"gathering": True, "versions": found["versions"], "pages": found["pages"]}
        now = self.clock.now()
        newest = point(found, now)
        kept = (p for p in self._points if p["t"] >= newest["t"] - _SHOWN_S)
        self._points = (*kept, newest)
        return {"gathering": False, **found, "point": newest}

    def past(self) -> Mapping[str, Any]:
        return {"points": list(self._points), "shown_s": _SHOWN_S}


def _refusals(grown: Increase) -> dict[str, float]:
    """Return answers by the statuses that tell a caller to come again."""
    found = grown.by(_total(HTTP_REQUESTS), "status")
    return {status: n for status, n in found.items() if status in _COME_AGAIN}


def _total(instrument: Instrument) -> str:
    return f"{instrument.name}_total"


def _latency(grown: Increase, instrument: Instrument, label: str) -> dict[str, dict[str, Any]]:
    found = {}
    for value, count in sorted(grown.by(f"{instrument.name}_count", label).items()):
        seen = grown.histogram(instrument.name, **{label: value})
        found[value] = {
            "count": count,
            "p50_s": seen.quantile(0.5),
            "p95_s": seen.quantile(0.95),
        }
    return found


def _gauge(last: Scrape, instrument: Instrument) -> float | None:
    found = last.gauges(instrument.name)
    return sum(value for _, value in found) if found else None


def _versions(last: Scrape) -> list[dict[str, Any]]:
    """Return what answered last, part by part, and in how many replicas."""
    counted: dict[tuple[str, str], int] = {}
    for labels, value in last.gauges(VERSION_INFO.name):
        if value == 1:
            key = labels.get("part", ""), labels.get("version", "")
            counted[key] = counted.get(key, 0) + 1
    return [{"part": p, "version": v, "replicas": n} for (p, v), n in sorted(counted.items())]
