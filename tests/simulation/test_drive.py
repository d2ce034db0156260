"""The driver against a small service in this process: bounded, patient with a busy service, and resumable without double counting."""

import asyncio
import json
from collections import Counter
from datetime import date

import httpx
import pytest

from cluster.cli.drive import Driver, GoneError
from naviyam.simulation.days import Plan, schedule

PLAN = Plan(seed=7, start=date(2026, 11, 16), users=25, days=2, chat_share=0.2)


class Fake:
    """Answers by HTTP with the first shops of a catalogue; keeps feedback by its key, as the service does."""

    def __init__(self, town):
        self.shops = town.catalog.shop_ids[:10]
        self.kept = {}
        self.calls = Counter()
        self.busy, self.gone_after, self.refuse = 0, None, ""
        self.at_once = self.most_at_once = 0

    async def __call__(self, request):
        path = "/users" if request.url.path.startswith("/users/") else request.url.path
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.gone_after is not None and sum(self.calls.values()) >= self.gone_after:
            raise httpx.ConnectError("refused")
        if self.busy:
            self.busy -= 1
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"code": "overloaded"})
        if path == self.refuse:
            return httpx.Response(422, json={"code": "invalid", "detail": "no"})
        self.calls[path] += 1
        body = json.loads(request.content)
        if path == "/feedback":
            key = body["user_id"], body["idempotency_key"]
            duplicate = key in self.kept
            self.kept.setdefault(key, body)
            return httpx.Response(202, json={"duplicate": duplicate, "collected": True})
        shops = [{"shop_id": s} for s in self.shops]
        answer = {"interaction_id": f"i_{sum(self.calls.values())}", "recommendations": shops}
        answer |= {"session_id": "s", "response_time_s": 0.2, "metadata": {"variant": "stable"}}
        return httpx.Response(200, json=answer)


def drive(fake, town, *, skip=0, clients=4, **options):
    driver = Driver(world=town.world, seed=7, clients=clients, backoff_s=0.0, **options)

    async def go():
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(fake), base_url="http://fake"
        ) as http:
            await driver.run(http, schedule(town.world, PLAN), skip=skip)

    try:
        asyncio.run(go())
    except GoneError as e:
        return driver.log, str(e)
    return driver.log, ""


def test_every_visit_is_played_once_within_bounds(town):
    fake, noted = Fake(town), []
    log, why = drive(fake, town, note=noted.append)
    visits = list(schedule(town.world, PLAN))
    assert why == ""
    assert log.done == len(visits)
    assert fake.calls["/users"] == len({u.number for u, _ in visits})
    assert fake.calls["/chat"] > 0 < fake.calls["/recommendations"]
    assert sum(log.feedback.values()) == fake.calls["/feedback"] == len(fake.kept)
    assert noted == log.seen
    assert 1 < fake.most_at_once <= 4
    assert {route: c["count"] for route, c in log.calls().items()} == fake.calls


def test_a_busy_service_is_waited_for(town):
    fake = Fake(town)
    fake.busy = 5
    log, _ = drive(fake, town)
    assert (log.retried, log.problems) == (5, {})
    assert log.done == len(list(schedule(town.world, PLAN)))


def test_what_is_refused_is_counted_and_the_rest_goes_on(town):
    fake = Fake(town)
    fake.refuse = "/chat"
    log, _ = drive(fake, town)
    ((problem, count),) = log.problems.items()
    assert "/chat: 422 invalid" in problem
    assert count > 0
    assert log.done == len(list(schedule(town.world, PLAN)))
    assert fake.calls["/recommendations"] > 0


def test_a_broken_run_goes_on_and_nothing_counts_twice(town):
    whole = Fake(town)
    drive(whole, town)
    fake = Fake(town)
    fake.gone_after = sum(whole.calls.values()) // 2
    log, why = drive(fake, town)
    assert "naviyam up" in why
    assert 0 < log.done < len(list(schedule(town.world, PLAN)))
    assert 0 < len(fake.kept) < len(whole.kept)
    fake.gone_after = None
    again, why = drive(fake, town, skip=log.done)
    assert why == ""
    assert fake.kept.keys() == whole.kept.keys()
    assert again.duplicates == sum(again.feedback.values()) + sum(log.feedback.values()) - len(
        fake.kept
    )
    repeated, _ = drive(fake, town)
    assert repeated.duplicates == sum(repeated.feedback.values()) == len(whole.kept)


def test_virtual_time_passes_at_the_given_speed(town):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    drive(Fake(town), town, speed=3_600.0, sleep=sleep)
    times = [v.time for _, v in schedule(town.world, PLAN)]
    hours = (times[-1] - times[0]).total_seconds() / 3_600
    assert len(waits) == len(times)
    assert max(waits) == pytest.approx(hours, abs=2.0)  # it is never later than the run itself took
