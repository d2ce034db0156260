"""Figures of all replicas, out of what the service's own instruments counted."""

from datetime import UTC, datetime, timedelta

import pytest

from cluster.monitoring.scrapes import Scrape, page_of
from cluster.telemetry.catalogue import LLM_WAITING
from cluster.telemetry.instruments import MemoryMeter
from deployments.admin.live.figures import FiguresPart, queues
from deployments.admin.live.own import OwnScraper
from deployments.admin.live.recent import past_of
from deployments.metrics import ServiceMetrics
from naviyam.clock import FakeClock
from naviyam.errors import NaviyamError
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
ANSWER = {
    "written_by": "llm",
    "variant": "stable",
    "degraded": False,
    "stages": {"write": 300.0, "rank": 2.0},
    "versions": {"ranker": "r2"},
}


@pytest.fixture
def clock():
    return FakeClock(current=NOW)


@pytest.fixture
def meter():
    return MemoryMeter()


@pytest.fixture
def part(meter, clock):
    def nothing(since, until):
        return [{"t": since.timestamp()}, {"t": until.timestamp() - 15}]

    made = FiguresPart(
        scraper=OwnScraper(meter=meter, clock=clock), past_of=nothing, clock=clock, least_span_s=10
    )
    made.begin()
    return made


def test_rates_shares_and_quantiles_of_the_last_half_minute(part, meter, clock):
    metrics = ServiceMetrics(meter)
    assert part.read()["gathering"]
    for _ in range(16):
        metrics.answered("chat", ANSWER, 0.5, simulated=False)
    for _ in range(3):
        metrics.answered("chat", ANSWER | {"degraded": True, "degraded_reason": "llm_timeout"}, 1.9, simulated=False)  # fmt: skip
    metrics.failed("chat", "timeout", simulated=False)
    metrics.refused("chats")
    for status in (200, 503, 429):
        metrics.http("/chat", "POST", status, 0.5)
    meter.record(LLM_WAITING, 3.0, {})
    clock.advance(20)
    found = part.read()
    assert found["requests_per_s"] == 1
    assert found["outcomes_per_s"] == {"degraded": 0.15, "ok": 0.8, "timeout": 0.05}
    assert (found["error_rate"], found["degraded_rate"]) == (0.05, 0.15)
    assert found["refused_per_s"] == {"chats": 0.05}
    assert found["statuses_per_s"] == {"429": 0.05, "503": 0.05}
    assert 0.4 < found["latency"]["chat"]["p50_s"] < 0.8 < found["latency"]["chat"]["p95_s"] < 2
    assert found["stages"]["write"]["count"] == 19
    assert found["llm"]["waiting"] == 3
    assert found["versions"] == [{"part": "ranker", "version": "r2", "replicas": 1}]
    assert found["point"]["ok"] == 0.8
    assert [p["t"] for p in part.past()["points"]][-1] == clock.now().timestamp()


def test_what_is_older_than_the_window_is_forgotten(part, meter, clock):
    metrics = ServiceMetrics(meter)
    part.read()
    metrics.failed("chat", "timeout", simulated=False)
    for _ in range(5):
        clock.advance(10)
        found = part.read()
    assert (found["requests"], found["error_rate"]) == (0, None)
    assert found["span_s"] == 30


def test_charts_begin_with_the_log_and_end_after_a_quarter_of_an_hour(part, clock):
    assert len(part.past()["points"]) == 2
    for _ in range(200):
        clock.advance(10)
        part.read()
    points = part.past()["points"]
    assert points[-1]["t"] - points[0]["t"] <= 900
    clock.advance(5)
    part.begin()
    assert part.past()["points"] == list(points)


def test_queues_are_by_deployment_and_replica():
    samples = [
        ("serve_replica_processing_queries", {"deployment": "LLM", "replica": "a"}, 4.0),
        ("serve_deployment_queued_queries", {"deployment": "LLM", "handle": "h"}, 2.0),
    ]
    found = queues(Scrape(at_s=0, pages={"n": page_of(samples)}))
    assert found == {"LLM": {"running": {"a": 4.0}, "waiting": {"h": 2.0}}}


def test_a_scraper_that_fails_is_the_parts_failure(part):
    class Away:
        def scrape(self):
            raise NaviyamError("away")

    part.scraper = Away()
    with pytest.raises(NaviyamError, match="away"):
        part.read()


def test_the_quarter_of_an_hour_before_is_read_from_the_log(tmp_path):
    store = EventStore.of(Settings.parse({"paths": {"state": str(tmp_path)}}))
    points = past_of(store)(NOW - timedelta(minutes=15), NOW)
    assert len(points) == 59
    assert points[-1] == {"t": NOW.timestamp(), "ok": 0, "degraded": 0, "error": 0, "refused": 0, "p50": None, "p95": None}  # fmt: skip
