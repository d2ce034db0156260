"""PSI and KS against a hand-computed table, scipy and chance itself."""

import numpy as np
import pytest
from scipy import stats

from cluster.monitoring.alerts import Level
from cluster.monitoring.drift import compare, compare_all, judge, ks_of, psi_of, shares
from cluster.monitoring.source import Column


def column(values, users=None):
    values = np.asarray(values)
    unit = np.arange(len(values)) if users is None else np.asarray(users)
    return Column(unit=unit.astype(np.int64), values=values)


def test_psi_is_the_table_computed_by_hand():
    reference = np.array([0.10, 0.20, 0.40, 0.20, 0.10])
    current = np.array([0.05, 0.15, 0.40, 0.25, 0.15])
    # (q-p)ln(q/p):   0.034657  0.014384  0  0.011157  0.020273
    assert psi_of(reference, current) == pytest.approx(
        0.034657 + 0.014384 + 0.011157 + 0.020273, abs=2e-6
    )
    # PSI is both relative entropies together
    both = stats.entropy(reference, current) + stats.entropy(current, reference)
    assert psi_of(reference, current) == pytest.approx(both)


def test_an_empty_bin_is_not_infinite():
    assert shares(np.array([0, 9])) == pytest.approx([0.05, 0.95])


def test_ks_is_scipys():
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.2):
        first, second = np.round(rng.normal(size=400), 1), np.round(rng.normal(shift, 1, 300), 1)
        theirs = stats.ks_2samp(first, second, method="asymp")
        drift = compare("x", column(first), column(second), columns=1)
        assert drift.ks == pytest.approx(theirs.statistic) == ks_of(first, second)
        # the asymptotic distribution without scipy's small-sample correction
        n = 400 * 300 / 700
        assert drift.ks_p == pytest.approx(stats.kstwobign.sf(np.sqrt(n) * theirs.statistic))


def test_bins_come_from_the_reference_alone_and_noise_is_chi_square():
    rng = np.random.default_rng(2)
    reference = rng.normal(size=1_000)
    for current in (rng.normal(size=500), rng.normal(9, 1, 500)):
        drift = compare("x", column(reference), column(current), columns=5)
        assert drift.bins == 10
        assert drift.noise == pytest.approx(
            stats.chi2.isf(0.01 / 5, 9) * (1 / 1_000 + 1 / 500), rel=0.02
        )


@pytest.mark.parametrize(
    ("reference", "current", "bins", "psi"),
    [
        ([0.5] * 200, [0.5] * 200, 1, 0.0),
        ([0.5] * 200, [0.7] * 200, 2, None),
        ([0.0] * 150 + [1.0] * 50, [0.0] * 150 + [1.0] * 50, 2, 0.0),
        (["a"] * 200, ["b"] * 200, 2, None),
        (
            [0.0] * 750 + list(np.linspace(0.1, 1, 250)),
            [0.0] * 750 + list(np.linspace(0.1, 1, 250)),
            4,
            0.0,
        ),
    ],
    ids=["constant", "constant no more", "flag", "unseen word", "heap of zeros"],
)
def test_constants_flags_words_and_heaps(reference, current, bins, psi):
    drift = compare("x", column(reference), column(current), columns=60)
    assert drift.bins == bins
    if psi is None:
        assert drift.level(warn=0.1, alarm=0.25) is Level.ALARM
    else:
        assert drift.psi == pytest.approx(psi)
        assert drift.level(warn=0.1, alarm=0.25) is Level.OK


def test_an_empty_week_is_not_compared():
    assert compare("x", column([]), column([1.0]), columns=1) is None
    assert compare_all({}, {"x": column([1.0])}) == ()


@pytest.mark.slow
def test_small_samples_of_the_same_distribution_are_not_drift():
    """With 60 answers a week a PSI of 0.25 is chance; told as drift in 1 % of the weeks at most, per 20 columns."""
    rng = np.random.default_rng(3)
    told, above = 0, 0
    for _ in range(300):
        weeks = [{f"c{i}": column(rng.normal(size=60)) for i in range(20)} for _ in range(2)]
        drifts = compare_all(*weeks)
        above += drifts[0].psi >= 0.25
        told += judge("r", drifts, (60, 60), least=50, warn=0.1, alarm=0.25).level > Level.OK
    assert above > 250
    assert told <= 12


def test_answers_of_few_users_count_for_less():
    """Each user always says the same; a week with other users is not yet drift."""
    rng = np.random.default_rng(4)
    told = 0
    for _ in range(200):
        weeks = []
        for _ in range(2):
            users = np.repeat(np.arange(20), 50)
            weeks.append(column(rng.choice(list("abc"), 20)[users], users))
        told += compare("x", *weeks, columns=1).level(warn=0.1, alarm=0.25) > Level.OK
    assert told <= 10
    one = column(["a"] * 100, [7] * 100), column(["b"] * 100, [7] * 100)
    assert compare("x", *one, columns=1).level(warn=0.1, alarm=0.25) is Level.OK


def test_the_statement_names_what_moved_and_too_few_are_not_judged():
    rng = np.random.default_rng(5)
    before = {"rating": column(rng.normal(size=900)), "age": column(rng.normal(size=900))}
    after = {"rating": column(rng.normal(1, 1, 900)), "age": column(rng.normal(size=900))}
    found = judge(
        "feature_drift", compare_all(before, after), (900, 900), least=50, warn=0.1, alarm=0.25
    )
    assert found.level is Level.ALARM
    assert found.statement.startswith("1 of 2 moved; rating PSI ")
    few = judge(
        "feature_drift", compare_all(before, after), (900, 49), least=50, warn=0.1, alarm=0.25
    )
    assert few.level is None
