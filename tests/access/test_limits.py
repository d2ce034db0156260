"""The rate limit itself: one exact bucket, replicas that share one, and the bound on what they give together."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.access.limiter import Limiter
from cluster.access.limits import US, Admitted, MemoryCounts, Quota, Refused, decide
from cluster.access.sql_store import SqlCounts
from naviyam.clock import FakeClock
from naviyam.settings import Rate

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def quota_of(requests=20, window_s=60.0, credit_share=0.1):
    return Quota.of("chats", Rate(requests=requests, window_s=window_s), credit_share=credit_share)


@given(
    requests=st.integers(1, 30),
    window_s=st.floats(0.5, 120),
    gaps_us=st.lists(st.integers(0, 20 * US), max_size=120),
)
def test_one_bucket_never_gives_more_than_its_quota_in_any_window(requests, window_s, gaps_us):
    quota = quota_of(requests, window_s)
    now_us, tat_us, given_us = 10**15, 0, []
    for gap in gaps_us:
        now_us += gap
        decision = decide(quota, tat_us, now_us)
        if isinstance(decision, Refused):
            again_us = now_us + round(decision.retry_after_s * US) + 1
            assert isinstance(decide(quota, tat_us, again_us), Admitted), "Retry-After holds"
            continue
        tat_us = decision.tat_us
        given_us.append(now_us)
        assert 0 <= decision.remaining < requests
    for start, begun_us in enumerate(given_us):
        for width_us in (quota.depth_us // 2, quota.depth_us, 3 * quota.depth_us):
            seen = sum(begun_us <= at < begun_us + width_us for at in given_us[start:])
            assert seen <= requests + width_us // quota.interval_us + 1


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(("flood", "one", "tell", "wait", "long"))),
    max_size=40,
)


@settings(max_examples=60)
@given(replicas=st.integers(1, 4), requests=st.integers(1, 12), share=st.sampled_from((0.1, 0.3, 1.0)), steps=STEPS)  # fmt: skip
def test_replicas_together_exceed_the_quota_by_their_credit_at_most(
    replicas, requests, share, steps
):
    quota = quota_of(requests, 60.0, share)
    clock, counts = FakeClock(current=NOW), MemoryCounts()
    limiters = [Limiter(counts, clock=clock, sync_s=1e6, least_gap_s=0) for _ in range(replicas)]
    exact_us = 0
    slack_us = (replicas - 1) * quota.credit * quota.interval_us

    async def play():
        nonlocal exact_us
        for number, action in steps:
            limiter = limiters[number % replicas]
            now_us = round(clock.now().timestamp() * US)
            if action == "tell":
                await limiter.settle()
            elif action == "wait":
                clock.advance(quota.interval_us / US)
            elif action == "long":
                clock.advance(7 * quota.interval_us / US)
            else:
                for _ in range(2 * requests if action == "flood" else 1):
                    if isinstance(await limiter.take(quota, "kid"), Admitted):
                        exact_us = max(exact_us, now_us) + quota.interval_us
                assert exact_us - now_us <= quota.depth_us + slack_us
        for limiter in limiters:
            if limiter._waking is not None:
                limiter._waking.cancel()

    asyncio.run(play())


class Away:
    """A store that does not answer until told."""

    def __init__(self):
        self.there, self.counts, self.calls = False, MemoryCounts(), 0

    def charge(self, amounts_us, *, now_us):
        self.calls += 1
        if not self.there:
            raise ConnectionError("away")
        return self.counts.charge(amounts_us, now_us=now_us)

    def forget(self, *, full_before_us):
        self.counts.forget(full_before_us=full_before_us)


def test_a_store_that_is_away_leaves_limits_to_each_replica_and_is_told_later():
    async def story():
        clock, store, told = FakeClock(current=NOW), Away(), []
        limiter = Limiter(store, clock=clock, sync_s=1e6, least_gap_s=0, told=told.append)
        quota = quota_of(5)
        answers = [await limiter.take(quota, "kid") for _ in range(8)]
        assert [isinstance(a, Admitted) for a in answers] == [True] * 5 + [False] * 3
        assert told == ["limits_unshared"]
        assert store.calls == 1, "nobody waits for a store that is known to be away"
        clock.advance(6)
        store.there = True
        await limiter.settle()
        assert store.counts.tats_us["chats:kid"] - round(clock.now().timestamp() * US) >= 54 * US
        limiter._waking.cancel()

    asyncio.run(story())


def test_a_lone_replica_asks_no_store_and_forgets_only_what_says_nothing():
    async def story():
        clock, told = FakeClock(current=NOW), []
        limiter = Limiter(None, clock=clock, max_buckets=100, told=told.append)
        quota = quota_of(2)
        for number in range(100):
            await limiter.take(quota, f"kid-{number}")
        await limiter.take(quota, "kid-0")
        assert isinstance(await limiter.take(quota, "kid-0"), Refused)
        assert not told
        await limiter.take(quota, "one more")
        assert told == ["limits_forgotten"]
        assert limiter.size == 100
        clock.advance(120)
        for number in range(60):
            await limiter.take(quota, f"new-{number}")
        assert limiter.size < 70

    asyncio.run(story())


def test_what_was_given_is_told_by_itself():
    async def story():
        clock, counts = FakeClock(current=NOW), MemoryCounts()
        limiter = Limiter(counts, clock=clock, sync_s=0.01, least_gap_s=0)
        await limiter.take(quota_of(), "kid")
        assert not counts.tats_us
        while not counts.tats_us:
            await asyncio.sleep(0.005)

    asyncio.run(story())


def test_no_requests_is_no_quota():
    assert quota_of(0) is None
    assert quota_of(20).credit == 2


@pytest.mark.parametrize("url", ["sqlite", "postgres"])
def test_counts_in_a_database(url, tmp_path, request):
    where = f"sqlite:///{tmp_path}/c.db" if url == "sqlite" else request.getfixturevalue("postgres")
    one, two = SqlCounts(where), SqlCounts(where)
    assert one.charge({"a": 10, "b": 5}, now_us=100) == {"a": 110, "b": 105}
    assert two.charge({"a": 7, "c": 1}, now_us=104) == {"a": 117, "c": 105}
    assert one.charge({"a": 1}, now_us=500) == {"a": 501}
    many = {f"u{n}": 1 for n in range(1_200)}
    assert two.charge(many, now_us=600) == dict.fromkeys(many, 601)
    one.forget(full_before_us=601)
    assert one.charge({"a": 1, "u7": 1}, now_us=0) == {"a": 1, "u7": 602}
    for each in (one, two):
        each.engine.dispose()
