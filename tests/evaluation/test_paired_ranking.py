"""Two rankers on the same rows: the figures are those of `ranking`, and only a real difference has an interval off zero."""

import numpy as np
import pytest

from naviyam.errors import InputError
from naviyam.evaluation import ranking
from naviyam.evaluation.paired_ranking import METRICS, Choices, compare, figures
from naviyam.intervals import Resample, estimate_of, paired


@pytest.fixture(scope="module")
def taste():
    return np.random.default_rng(0).random(1_200)


@pytest.fixture(scope="module")
def choices(taste):
    rng = np.random.default_rng(1)
    return Choices(
        relevant=rng.random(1_200) < taste**2,
        user=rng.integers(0, 100, 1_200) * 7,
        item=rng.integers(0, 60, 1_200),
        kind=rng.integers(0, 5, 1_200),
        catalog_size=80,
    )


def test_the_figures_are_those_of_the_other_module(taste, choices):
    found = figures(taste, choices)
    expected = ranking.report(
        taste,
        relevant=choices.relevant,
        groups=choices.user,
        items=choices.item,
        kinds=choices.kind,
        catalog_size=80,
        probabilities=True,
    )
    assert found["auc"] == pytest.approx(expected.auc)
    assert found["calibration_error"] == pytest.approx(expected.ece)
    for name in ("precision_at_5", "recall_at_10", "ndcg_at_5", "diversity_at_5", "coverage_at_5"):
        assert found[name] == pytest.approx(getattr(expected, name))


def test_a_better_ranker_is_told_from_a_worse_one(taste, choices):
    noisy = np.clip(taste + np.random.default_rng(2).normal(0, 0.6, len(taste)), 0, 1)
    found = compare(taste, noisy, choices, draws=200)
    for name in ("ndcg_at_5", "precision_at_5", "auc"):
        d = found.difference[name]
        assert 0 < d.low < d.mean < d.high
        assert d.mean == pytest.approx(found.candidate[name] - found.champion[name])
    assert found.difference["calibration_error"].high < 0


def test_the_same_ranker_twice_differs_in_nothing(taste, choices):
    for d in compare(taste, taste, choices, draws=50).difference.values():
        assert (d.mean, d.low, d.high) == (0, 0, 0)


def test_ties_count_half_in_every_drawn_sample(choices):
    found = compare(np.zeros(1_200), np.ones(1_200), choices, draws=20)
    assert (found.candidate["auc"], found.champion["auc"]) == (0.5, 0.5)
    assert found.difference["auc"].high == 0


def test_pairing_narrows_the_interval(taste, choices):
    """Two rankers that err on the same users differ more surely than their own intervals tell."""
    near = taste + np.random.default_rng(3).normal(0, 0.02, len(taste))
    together = compare(taste, near, choices, draws=300).difference["ndcg_at_5"]
    lists = ranking.put_in_order(taste, choices.relevant, choices.user)
    values, counted = np.asarray(ranking.ndcg_values(lists, 5)), lists.total_relevant > 0
    one, other = (
        Resample.of(np.arange(len(values)), draws=300, seed=s).means(values, counted)
        for s in (1, 2)
    )
    apart = paired(one, other)
    assert together.high - together.low < 0.5 * (apart.high - apart.low)


def test_a_bootstrap_mean_has_the_textbook_width():
    values = np.random.default_rng(4).normal(3, 2, 400)
    e = estimate_of(Resample.of(np.arange(400), draws=2_000, seed=0).means(values))
    assert e.mean == pytest.approx(values.mean())
    assert (e.high - e.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_all_alike_cannot_be_compared(choices):
    with pytest.raises(InputError, match="both kinds are needed"):
        Choices(
            relevant=np.ones(3, bool),
            user=np.arange(3),
            item=np.arange(3),
            kind=np.arange(3),
            catalog_size=3,
        )
    assert "coverage_at_5" not in METRICS


def test_who_served_does_not_win_by_having_served():
    """Choices of people who look at the first places most, by the order that served: the weights bring back what is true."""
    rng = np.random.default_rng(6)
    users, shown = 6_000, 5
    relevance = rng.random((users, shown)) ** 2 * 0.6
    served = relevance + rng.normal(0, 0.25, relevance.shape)
    place = np.argsort(np.argsort(-served, axis=1), axis=1) + 1.0
    looked = 1 / place
    liked = rng.random(relevance.shape) < relevance

    def gain_of(relevant, gain):
        seen = np.repeat(relevant.any(axis=1), shown)
        choices = Choices(
            relevant=relevant.ravel()[seen],
            user=np.repeat(np.arange(users), shown)[seen],
            item=np.tile(np.arange(shown), users)[seen],
            kind=np.zeros(users * shown, int)[seen],
            catalog_size=shown,
            gain=None if gain is None else gain.ravel()[seen],
        )
        pair = compare(relevance.ravel()[seen], served.ravel()[seen], choices, draws=50)
        return pair.candidate["ndcg_at_5"] / pair.champion["ndcg_at_5"] - 1

    clicked = liked & (rng.random(relevance.shape) < looked)
    truth = gain_of(liked, None)
    assert truth > 0.05
    assert gain_of(clicked, None) < truth / 2
    assert gain_of(clicked, 1 / looked) == pytest.approx(truth, rel=0.35)
