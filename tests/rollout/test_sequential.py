import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.rollout.sequential import (
    _BETS,
    _LOG_PRIOR,
    difference,
    increments,
    log_evidence,
    mirrored,
    power_sums,
)

# Made with the package confseq 0.0.11 (confseq.betting.diversified_betting_mart, theta=1, trunc_scale=1, one constant bet of
# 2 b for every b of the grid, weighted by its prior) on (x + 1) / 2 against a mean of 1/2, edges by bisection at 2 / 0.05:
# users, log wealth of "better", of "worse", low, high.
CONFSEQ = (
    (50, 0.559416, -0.656954, -0.668443, 1.0),
    (200, 0.399618, -0.884126, -0.183536, 0.377534),
    (1000, 2.431470, -1.772678, -0.016915, 0.213078),
    (2000, 4.492707, -2.173126, 0.006393, 0.167507),
)


@pytest.fixture(scope="module")
def clicks():
    rng = random.Random(7)
    candidate = np.array([rng.random() < 0.25 for _ in range(2000)])
    clicked = np.array([float(rng.random() < (0.36 if c else 0.3)) for c in candidate])
    return increments(candidate, clicked, np.full(2000, 0.25))


@pytest.mark.parametrize(("n", "better", "worse", "low", "high"), CONFSEQ)
def test_it_is_what_confseq_finds_and_never_surer(clicks, n, better, worse, low, high):
    x, w = clicks
    sums = power_sums(x)[:, n - 1]
    assert better - 0.07 < log_evidence(sums) <= better + 1e-6
    assert worse - 0.07 < log_evidence(mirrored(sums)) <= worse + 1e-6
    found = difference(x[:n], w[:n], alpha=0.05)
    assert low - 0.02 < found.low <= low + 1e-6
    assert high - 1e-6 <= found.high < high + 0.02


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_the_evidence_is_never_above_the_wealth_of_the_bets(values):
    x = np.array(values)
    bets = np.log1p(_BETS[:, None] * x).sum(axis=1) + _LOG_PRIOR
    assert log_evidence(power_sums(x)[:, -1]) <= np.logaddexp.reduce(bets) + 1e-9


@given(st.integers(0, 2**32), st.floats(0.05, 0.95), st.integers(1, 300))
@settings(deadline=None, max_examples=40)
def test_an_interval_holds_its_estimate_and_turns_with_the_arms(seed, weight, n):
    rng = np.random.default_rng(seed)
    candidate, outcome = rng.random(n) < weight, rng.random(n)
    here = difference(*increments(candidate, outcome, np.full(n, weight)), alpha=0.05)
    there = difference(*increments(~candidate, outcome, np.full(n, 1 - weight)), alpha=0.05)
    assert -1 <= here.low <= here.estimate <= here.high <= 1
    assert (here.low, here.high) == pytest.approx((-there.high, -there.low), abs=1e-6)


def test_a_weight_of_1_tells_nothing():
    everybody = np.ones(50, bool)
    assert difference(*increments(everybody, np.ones(50), np.ones(50)), alpha=0.05) is None
    rng = np.random.default_rng(1)
    some, y = rng.random(400) < 0.5, rng.random(400)
    before = difference(*increments(some, y, np.full(400, 0.5)), alpha=0.05)
    later = difference(
        *increments(
            np.append(some, everybody), np.append(y, np.ones(50)), np.repeat((0.5, 1.0), (400, 50))
        ),
        alpha=0.05,
    )
    assert (later.low, later.high) == pytest.approx((before.low, before.high))


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "rate"), [(0.1, 0.3), (0.1, 0.03), (0.5, 0.3)])
def test_without_a_difference_few_ever_see_one(weight, rate):
    """400 experiments of 3,000 users, looked at after every user, with 5 % to err."""
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(400):
        candidate, y = rng.random(3000) < weight, (rng.random(3000) < rate).astype(float)
        sums = power_sums(increments(candidate, y, np.full(3000, weight))[0])
        highest = max(log_evidence(sums).max(), log_evidence(mirrored(sums)).max())
        false += bool(highest >= np.log(2 / 0.05))
    assert false / 400 <= 0.05
