"""Made-up weeks through the real event log and the controller's part: which alerts come when, and which do not."""

from datetime import timedelta
from itertools import count

import pytest

from cluster.monitoring.part import MonitoringPart
from cluster.monitoring.sinks import MemorySink
from cluster.monitoring.store import MemoryAlertStore
from naviyam.clock import SEOUL, FakeClock
from naviyam.feedback.compaction import compact
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings

DAY, HOUR = 86_400, 3_600
WEEK = 7 * DAY
NOON_AND_EVENING = [d * DAY + h * HOUR for d in range(14, 22) for h in (12, 18)]


def replay(synthetic, log, times):
    """Tick at the seconds since the start; return what was told, by time."""
    store, sink, names = MemoryAlertStore(), MemorySink([]), count(1)
    for at in times:
        # a part of its own at each tick: nothing is remembered but what is in the store
        part = MonitoringPart(
            Settings(), log, store, [sink], name_alert=lambda now: f"al_{next(names)}"
        )
        part.tick(synthetic.START + timedelta(seconds=at))
    assert sink.events == list(store.events(0))
    return [
        f"{e.at.astimezone(SEOUL):%d %H:%M} {e.population} {e.rule} {e.kind} {e.level.name}"
        for e in sink.events
    ]


@pytest.mark.slow
def test_a_drop_of_8_percent_is_told_for_those_who_have_it_alone(tmp_path, synthetic):
    """Real users choose 8 % less in the third week; the simulated ones, in the same log, as before."""
    log = synthetic.write(
        tmp_path,
        synthetic.planted(click_factor=synthetic.third_week(0.92, 1.0)),
        synthetic.planted(seed=12, simulated=True),
    )
    assert replay(synthetic, log, NOON_AND_EVENING) == ["20 12:00 real click_through raised ALARM"]


@pytest.mark.slow
def test_shifted_features_wishes_and_stars_are_told_as_they_grow(tmp_path, synthetic):
    log = synthetic.write(
        tmp_path,
        synthetic.planted(
            seed=13,
            feature_shift=synthetic.third_week(0.08, 0.0),
            rating_shift=synthetic.third_week(-0.5, 0.0),
            intents=lambda s: (0.3, 0.5, 0.1, 0.1) if s >= 2 * WEEK else (0.6, 0.2, 0.1, 0.1),
        ),
    )
    assert replay(synthetic, log, NOON_AND_EVENING) == [
        "19 18:00 real input_drift raised WARN",
        "20 18:00 real satisfaction raised ALARM",
        "21 18:00 real input_drift escalated ALARM",
        "21 18:00 real feature_drift raised WARN",
        "23 12:00 real feature_drift escalated ALARM",
    ]


@pytest.mark.slow
def test_a_burst_of_errors_is_told_at_once_and_an_empty_night_neither_clears_nor_raises(
    tmp_path, synthetic
):
    """Errors from 20:45 until everybody sleeps at 21:54; the first answers of the morning clear the alert."""
    log = synthetic.write(
        tmp_path,
        synthetic.planted(
            seed=14,
            days=2,
            answers_a_day=2_400,
            error_share=lambda s: 0.6 if 20.75 * HOUR <= s < 22 * HOUR else 0.004,
            open=lambda s: not 21.9 * HOUR <= s < 31 * HOUR,
        ),
    )
    compact(
        log,
        FakeClock(current=synthetic.START + timedelta(days=2)),
        raw_text_days=30,
        merge_up_to_bytes=1,
    )
    evening = [20 * HOUR + 300 * n for n in range(30)]
    night = [int(22.5 * HOUR) + HOUR * n for n in range(9)]
    morning = [int(31.5 * HOUR) + 600 * n for n in range(12)]
    assert replay(synthetic, log, evening + night + morning) == [
        "02 21:00 real error_rate raised ALARM",
        "03 08:20 real error_rate cleared ALARM",
    ]


def test_an_empty_log_tells_nothing(tmp_path, synthetic):
    assert replay(synthetic, EventStore(tmp_path / "events"), [0, 60, DAY, 2 * WEEK]) == []


def test_a_log_that_cannot_be_read_is_told_itself(tmp_path, synthetic):
    log = synthetic.write(tmp_path, synthetic.planted(days=1, answers_a_day=5))

    class Gone(EventStore):
        def parts(self, kind):
            raise PermissionError(kind)

    found = replay(synthetic, Gone(log.spool), [0, 60, 120])
    assert found == ["02 00:01 real log_unreadable raised ALARM"]
