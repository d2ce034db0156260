"""When a run is due, and every reason why one that is due does not start."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cluster.schedule.due import (
    Cron,
    Decision,
    Due,
    NotNow,
    Rules,
    ScheduleState,
    Trigger,
    begin,
    due,
    next_due,
)
from naviyam.clock import SEOUL, FakeClock, ScaledClock
from naviyam.errors import ConfigError

SIX_HOURS = Cron(expression="0 */6 * * *", timezone="Asia/Seoul")
RULES = Rules(cron=SIX_HOURS, max_a_day=4, least_samples=50)
MORNING = datetime(2026, 11, 29, 8, 30, tzinfo=SEOUL)


def ask(state, now, *, rules=RULES, running="", samples=100):
    return due(state, now, rules, running=running, new_samples=lambda: samples)


def ran(at, *, yes=True):
    return Decision(due_at=at, decided_at=at, ran=yes, reason="")


def test_every_six_hours_of_seoul():
    state = begin(MORNING)
    assert next_due(state, MORNING, SIX_HOURS) == datetime(2026, 11, 29, 12, tzinfo=SEOUL)
    assert ask(state, MORNING + timedelta(hours=3)) is None
    found = ask(state, datetime(2026, 11, 29, 3, 0, 1, tzinfo=UTC))
    assert found == Due(
        at=datetime(2026, 11, 29, 12, tzinfo=SEOUL),
        missed=0,
        reason="due at 2026-11-29T12:00+09:00",
    )


def test_ten_missed_runs_are_one():
    now = MORNING + timedelta(hours=60)
    found = ask(begin(MORNING), now)
    assert (found.missed, found.at) == (9, datetime(2026, 12, 1, 18, tzinfo=SEOUL))
    decided = begin(MORNING).decided(ran(found.at), None)
    assert ask(decided, now) is None


def test_too_few_samples_are_said_with_their_number():
    found = ask(begin(MORNING), MORNING + timedelta(hours=4), samples=49)
    assert isinstance(found, NotNow)
    assert found.reason == "49 new good samples, at least 50 are needed"


def test_four_runs_a_day_of_seoul_and_no_fifth():
    at = datetime(2026, 11, 29, 0, tzinfo=SEOUL)
    today = tuple(ran(at + timedelta(hours=h)) for h in (0, 6, 12, 18))
    state = replace(begin(MORNING), decisions=today)
    late = datetime(2026, 11, 29, 23, 0, tzinfo=SEOUL)
    asked = replace(state, trigger=Trigger(at=late, who="min"))
    assert ask(asked, late).reason == "4 runs today, at most 4 a day"
    assert isinstance(ask(asked, late + timedelta(hours=2)), Due)
    skipped = replace(state, decisions=(*today[:3], ran(late, yes=False)))
    assert isinstance(ask(replace(skipped, trigger=Trigger(at=late, who="m")), late), Due)


def test_a_pause_holds_the_clock_and_not_somebody():
    state = replace(begin(MORNING), paused="min: a demonstration")
    now = MORNING + timedelta(hours=4)
    assert ask(state, now).reason == "paused by min: a demonstration"
    asked = replace(state, trigger=Trigger(at=now, who="jin"))
    assert ask(asked, now, samples=0).reason == "asked for by jin"
    assert ask(asked, now, running="learn-1-s").reason == "learn-1-s has not ended"


def test_samples_are_counted_only_where_they_decide():
    def count():
        raise AssertionError("nobody asked")

    state = begin(MORNING)
    assert due(state, MORNING, RULES, running="", new_samples=count) is None
    now = MORNING + timedelta(hours=4)
    assert due(state, now, RULES, running="x", new_samples=count).reason == "x has not ended"


def test_a_decision_answers_only_the_trigger_that_it_knew():
    later = Trigger(at=MORNING, who="jin")
    state = replace(begin(MORNING), trigger=later)
    assert state.decided(ran(MORNING), None).trigger == later
    assert state.decided(ran(MORNING), later).trigger is None


def test_a_state_comes_back_as_it_was():
    state = replace(begin(MORNING), trigger=Trigger(at=MORNING, who="m"), decisions=(ran(MORNING),))
    assert ScheduleState.parse(state.to_dict()) == state


@pytest.mark.parametrize(("cron", "zone"), [("* * *", "Asia/Seoul"), ("0 * * * *", "Asia/Soul")])
def test_a_wrong_expression_is_named(cron, zone):
    with pytest.raises(ConfigError, match="five cron fields"):
        Cron(expression=cron, timezone=zone)


def test_a_scaled_clock_runs_fast_from_its_origin():
    real = FakeClock(current=MORNING)
    clock = ScaledClock(real=real, origin=MORNING, virtual=MORNING, scale=3600)
    real.advance(6)
    assert clock.now() == MORNING + timedelta(hours=6)
    assert clock.real_time(MORNING + timedelta(hours=7)) == MORNING + timedelta(seconds=7)
