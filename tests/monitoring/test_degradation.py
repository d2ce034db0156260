import numpy as np
import pytest

from cluster.monitoring.alerts import Level
from cluster.monitoring.degradation import LEAST_UNITS, change_of, judge
from cluster.monitoring.source import Sums


def sums(rng, users, shown, rate):
    weight = rng.poisson(shown, users) + 1.0
    total = rng.binomial(weight.astype(int), np.clip(rng.normal(rate, 0.02, users), 0, 1))
    return Sums(unit=np.arange(users), weight=weight, total=total.astype(float))


def look(before, now, drop=0.05, least=50):
    return judge("click_through", change_of(before, now, least=least, seed=7), drop=drop)


@pytest.mark.parametrize(
    ("factor", "level"), [(1.0, Level.OK), (0.97, Level.OK), (0.92, Level.ALARM), (1.2, Level.OK)]
)
def test_a_fall_of_5_percent_alarms_where_much_was_seen(factor, level):
    rng = np.random.default_rng(1)
    found = look(sums(rng, 800, 40, 0.4), sums(rng, 800, 40, 0.4 * factor))
    assert found.level is level
    assert found.value == pytest.approx(factor - 1, abs=0.015)


def test_a_fall_that_may_be_chance_warns_and_says_so():
    before = Sums(unit=np.arange(40), weight=np.full(40, 5.0), total=np.tile([0.0, 1, 2, 4], 10))
    now = Sums(unit=np.arange(40), weight=np.full(40, 5.0), total=np.tile([3.5, 2, 1, 0], 10))
    found = look(before, now)
    assert found.value == pytest.approx(-0.0714, abs=1e-4)
    assert found.level is Level.WARN
    assert found.statement.endswith("may be chance")


@pytest.mark.parametrize(
    ("users", "shown", "least"), [(0, 1, 50), (30, 1, 500), (LEAST_UNITS - 1, 40, 50)]
)
def test_an_empty_or_small_week_is_not_judged(users, shown, least):
    rng = np.random.default_rng(3)
    found = look(sums(rng, 100, 40, 0.4), sums(rng, users, shown, 0.1), least=least)
    assert (found.level, found.value) == (None, None)
    assert "not judged" in found.statement


def test_nothing_clicked_before_is_not_divided_by():
    rng = np.random.default_rng(4)
    assert look(sums(rng, 100, 40, 0.0), sums(rng, 100, 40, 0.4)).level is not Level.ALARM


@pytest.mark.slow
def test_without_a_change_an_alarm_is_rare_while_a_bare_threshold_is_not():
    rng = np.random.default_rng(5)
    levels = [look(sums(rng, 60, 12, 0.3), sums(rng, 60, 12, 0.3)).level for _ in range(200)]
    assert levels.count(Level.ALARM) <= 0.05 * 200
    assert levels.count(Level.WARN) > 0.1 * 200


def test_the_same_streams_give_the_same_reading():
    rng = np.random.default_rng(6)
    before, now = sums(rng, 100, 10, 0.4), sums(rng, 120, 10, 0.37)
    assert look(before, now) == look(before, now)
