"""A day's figures against a log of a few answers that can be counted by hand."""

from datetime import timedelta

import pytest

from cluster.monitoring.daily import figures_of
from cluster.monitoring.windows import Window, day_of, days, week
from naviyam.clock import FakeClock
from naviyam.errors import InputError
from naviyam.feedback.compaction import compact
from naviyam.feedback.log import AppendLog
from naviyam.feedback.query import reading
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS
from naviyam.feedback.store import EventStore


@pytest.fixture
def log(tmp_path, synthetic):
    """Return a function that writes answers and feedback of one day."""
    start = synthetic.START
    store = EventStore(tmp_path / "events")

    def answer(name, minute, user="a", shops=("S-1", "S-2"), **more):
        record = {
            "interaction_id": name,
            "recorded_at": (start + timedelta(minutes=minute)).isoformat(),
            "user_id": user,
            "session_id": f"s_{user}",
            "route": "chat",
            "understanding": {
                "intent": "FOOD_RECOMMENDATION",
                "confidence": 0.8,
                "decided_by": "rules",
            },
            "shown": [{"shop_id": s, "rank": i + 1, "score": 0.5} for i, s in enumerate(shops)],
            "response_time_s": 1.0,
            "written_by": "llm",
            "degraded": False,
        }
        return INTERACTIONS, record | more

    def did(name, minute, kind, shop="S-1", user="a", **more):
        at = (start + timedelta(minutes=minute)).isoformat()
        record = {
            "feedback_id": f"{name}{minute}{kind}",
            "recorded_at": at,
            "happened_at": at,
            "user_id": user,
        }
        return FEEDBACK, record | {
            "shop_id": shop,
            "feedback_type": kind,
            "interaction_id": name,
        } | more

    def write(*records):
        for kind in (INTERACTIONS, FEEDBACK):
            log = AppendLog(store.spool / kind, clock=FakeClock(current=start), window_s=0.0)
            for waiting in [log.append(r) for k, r in records if k == kind]:
                waiting.result()
            log.close()
        return store

    write.answer, write.did = answer, did
    return write


def day(store, synthetic, population="real", **more):
    window = day_of(synthetic.START.date())
    return reading(store, lambda v: figures_of(v, window, population, outcome_s=3_600, **more))


def test_what_was_used_is_counted_by_hand(log, synthetic):
    said = {"intent": "COMPLAINT", "confidence": 0.6, "decided_by": "classifier"}
    store = log(
        log.answer("i1", 0),
        log.answer(
            "i2", 5, shops=("S-3",), understanding=said, written_by="template", response_time_s=3.0
        ),
        log.answer("i3", 6, user="b", shops=(), written_by="fixed"),
        log.answer(
            "i4", 7, user="b", error="timeout", shown=[], degraded=True, response_time_s=12.0
        ),
        log.did("i1", 1, "clicked"),
        log.did("i1", 2, "clicked"),
        log.did("i1", 3, "ordered"),
        log.did("i1", 3, "clicked", shop="S-9"),
        log.did("i1", 3, "clicked", shop="S-2", user="b"),
        log.did("i2", 70, "clicked", shop="S-3"),
        log.did("i2", 6, "rated", shop="S-3", satisfaction_score=2.0),
    )
    found = day(
        store, synthetic, categories={"S-1": "치킨", "S-2": "분식", "S-3": "치킨", "S-4": "한식"}
    )
    service, use, read = found.service, found.use, found.understanding
    assert (service.requests, service.failed, service.answers, service.active_users) == (4, 1, 3, 2)
    assert service.error_rate == 0.25
    assert service.template_share == 0.5
    assert service.response_mean_s == pytest.approx(5 / 3)
    assert use.with_shops == 2
    assert use.success_rate == 0.5
    assert use.click_through == pytest.approx(1 / 3)
    assert use.conversion == pytest.approx(1 / 3)
    assert (use.satisfaction, use.ratings) == (2.0, 1)
    assert use.shops_shown == 3
    assert use.effective_shops == pytest.approx(3.0)
    assert (use.coverage, use.diversity) == (0.75, 1.0)
    assert read.decided_by == pytest.approx({"rules": 2 / 3, "classifier": 1 / 3})
    assert read.complained_next == pytest.approx(1 / 3)
    assert read.refined_next == 0
    assert found.to_dict()["window"] == "2026-11-02"


def test_simulated_and_real_are_never_mixed(log, synthetic):
    store = log(
        log.answer("i1", 0),
        log.answer("i2", 1, user="sim", simulated=True),
        log.did("i2", 2, "clicked", user="sim", simulated=True),
    )
    calls = [
        {"interaction_id": name, "recorded_at": synthetic.START.isoformat()}
        for name in ("i1", "i2", "unknown")
    ]
    real = day(store, synthetic, help_calls=calls)
    made_up = day(store, synthetic, "simulated", help_calls=calls)
    assert (real.service.requests, real.use.click_through, real.service.help_calls) == (1, 0.0, 2)
    assert (made_up.service.requests, made_up.use.click_through, made_up.service.help_calls) == (
        1,
        0.5,
        1,
    )


def test_an_empty_day_has_no_figures_and_no_errors(log, synthetic):
    found = day(log(), synthetic)
    assert found.service.requests == found.use.ratings == found.use.shops_shown == 0
    assert found.service.error_rate is found.use.click_through is found.use.satisfaction is None
    assert found.understanding.decided_by == {}


def test_parquet_and_segments_say_the_same(log, synthetic):
    store = log(log.answer("i1", 0), log.answer("i2", 61), log.did("i1", 1, "clicked"))
    before = day(store, synthetic)
    compact(
        store,
        FakeClock(current=synthetic.START + timedelta(days=1)),
        raw_text_days=30,
        merge_up_to_bytes=1,
    )
    assert day(store, synthetic) == before
    since = synthetic.START + timedelta(hours=1)
    count = "SELECT count(*) FROM interactions"
    assert reading(store, lambda v: v.execute(count).fetchall(), since=since) == [(1,)]


def test_windows(synthetic):
    now = synthetic.START + timedelta(days=9, hours=12, minutes=30)
    found = week(now, lag_s=6 * 3_600)
    assert found.end == now - timedelta(hours=6, minutes=30)
    assert (found.before.end, found.before.start) == (found.start, found.start - timedelta(days=7))
    assert [w.label for w in days(now, 2)] == ["2026-11-10", "2026-11-11"]
    with pytest.raises(InputError, match="after it starts"):
        Window(start=now, end=now)
