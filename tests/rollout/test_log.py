from datetime import UTC, datetime, timedelta

import pytest

from cluster.rollout.log import observe
from cluster.rollout.observed import Seen
from naviyam.clock import FakeClock
from naviyam.feedback.compaction import compact
from naviyam.feedback.events import FailureEvent, FeedbackEvent, InteractionEvent
from naviyam.feedback.sink import DurableSink
from naviyam.feedback.store import EventStore
from naviyam.request import Intent, Understanding
from naviyam.settings import Settings

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path):
    return EventStore(tmp_path / "events")


@pytest.fixture
def sink(store):
    sink = DurableSink(store, clock=FakeClock(current=NOW), settings=Settings())
    yield sink
    sink.close()


def answer(name, user, at=NOW, arm="candidate", experiment="e_1", **facts):
    return InteractionEvent(
        interaction_id=name,
        time=at,
        user_id=user,
        session_id="s_1",
        route="chat",
        text="치킨",
        understanding=Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=0.9),
        shown=(),
        response="치킨 좋아요!",
        response_time_s=0.5,
        versions={},
        variants={"ranker": arm, "adapter": "stable"},
        experiments={"ranker": experiment},
        written_by="llm",
        degraded=False,
        **facts,
    ).to_record()


def failure(name, user):
    return FailureEvent(
        interaction_id=name,
        time=NOW,
        user_id=user,
        session_id="s_1",
        route="chat",
        error="timeout",
        response_time_s=9.0,
        versions={},
        variants={"ranker": "stable"},
        experiments={"ranker": "e_1"},
    ).to_record()


def reaction(interaction, user, kind, score=None):
    return FeedbackEvent(
        user_id=user,
        shop_id="S-1",
        feedback_type=kind,
        recorded_at=NOW + MINUTE,
        happened_at=NOW + MINUTE,
        interaction_id=interaction,
        satisfaction_score=score,
    ).to_record()


async def test_answers_of_an_experiment_with_what_was_made_of_them(store, sink):
    for record in (
        answer("i1", "u_1"),
        answer("i2", "u_2", arm="stable", at=NOW + MINUTE),
        answer("i3", "u_3", at=NOW + 2 * MINUTE, arm_errors=("ranker",), unsafe=("link",)),
        answer("i4", "u_4", at=NOW + 3 * MINUTE, arm_errors=("adapter",)),
        failure("i5", "u_5"),
        answer("i6", "u_6", experiment="e_2"),
        answer("i7", "u_7", at=NOW - MINUTE),
    ):
        await sink.interaction(record)
    for record in (
        reaction("i1", "u_1", "clicked"),
        reaction("i1", "u_1", "ordered", 5),
        reaction("i1", "u_1", "rated", 2),
        reaction("i2", "u_2", "favorited"),
        reaction("i4", "u_1", "clicked"),
        reaction(None, "u_3", "clicked"),
    ):
        await sink.feedback(record)
    expected = (
        Seen(
            user_id="u_1",
            arm="candidate",
            at=NOW,
            latency_s=0.5,
            clicked=True,
            ordered=True,
            satisfaction=3.5,
        ),
        Seen(user_id="u_5", arm="stable", at=NOW, latency_s=9.0, error=True),
        Seen(user_id="u_2", arm="stable", at=NOW + MINUTE, latency_s=0.5, clicked=True),
        Seen(
            user_id="u_3",
            arm="candidate",
            at=NOW + 2 * MINUTE,
            latency_s=0.5,
            error=True,
            unsafe=True,
        ),
        Seen(user_id="u_4", arm="candidate", at=NOW + 3 * MINUTE, latency_s=0.5),
    )
    assert observe(store, experiment="e_1", layer="ranker", since=NOW) == expected
    sink.close()
    later = FakeClock(current=NOW + timedelta(hours=2))
    assert compact(store, later, raw_text_days=30, merge_up_to_bytes=1e9).records == 13
    assert observe(store, experiment="e_1", layer="ranker", since=NOW) == expected


async def test_records_from_before_there_were_experiments_belong_to_none(store, sink):
    old = answer("i1", "u_1")
    for name in ("experiments", "arm_errors", "error", "unsafe"):
        old.pop(name, None)
    await sink.interaction(old)
    assert observe(store, experiment="e_1", layer="ranker", since=NOW) == ()


def test_an_empty_log_has_no_answers(store):
    assert observe(store, experiment="e_1", layer="ranker", since=NOW) == ()


async def test_who_was_forgotten_is_no_answer(store, sink):
    await sink.interaction(answer("i1", "u_1"))
    await sink.forget("u_1", at=NOW + MINUTE)
    assert observe(store, experiment="e_1", layer="ranker", since=NOW) == ()
