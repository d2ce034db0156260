"""The pure rules: where clicks fall, what balance keeps, what still looks personal, what skew shows."""

from dataclasses import replace

import numpy as np
import pytest

from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.features.spec import WIDE_INDEX
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.learning.examination import Examination, estimate_examination, fit_exponent
from naviyam.learning.impressions import Impressions, choose
from naviyam.learning.skew import WITHOUT_PLACE, Again, compare, served_of
from naviyam.request import UserProfile
from naviyam.settings import Learning


def clicks(exponent: float, *, lists: int, seed: int) -> tuple[np.ndarray, ...]:
    """Draw lists in order of worth, so that clicks fall with the rank for two reasons."""
    rng = np.random.default_rng(seed)
    worth = -np.sort(-rng.beta(2, 5, (lists, 5)), axis=1)
    rank = np.tile(np.arange(1, 6), (lists, 1))
    clicked = rng.random(worth.shape) < rank**-exponent * worth
    return rank.ravel(), clicked.ravel(), worth.ravel()


@pytest.mark.parametrize("exponent", [0.0, 0.8])
def test_the_served_order_is_not_taken_for_position_bias(exponent):
    rank, clicked, worth = clicks(exponent, lists=4_000, seed=3)
    options = Learning()
    found = estimate_examination(rank, clicked, worth, options)
    naive = fit_exponent(rank, clicked, np.zeros(len(rank), int))
    assert abs(found.exponent - exponent) < 0.15
    assert naive > exponent + 0.4
    few = estimate_examination(rank[:50], clicked[:50], worth[:50], options)
    assert (few.exponent, few.method) == (0.5, "learning.position_exponent")


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_explored_lists_are_no_shuffled_ones(exponent):
    """A tenth of the lists is drawn by worth at temperature 0.1: good shops still stand in front there."""
    rng = np.random.default_rng(7)
    worth = rng.beta(2, 5, (8_000, 5))
    explored = np.arange(len(worth)) % 10 == 0
    noise = np.where(explored[:, None], rng.gumbel(size=worth.shape), 0)
    worth = np.take_along_axis(worth, np.argsort(-(worth / 0.1 + noise), axis=1), axis=1)
    rank = np.tile(np.arange(1, 6), (len(worth), 1))
    clicked = (rng.random(worth.shape) < rank**-exponent * worth).ravel()
    rank, worth = rank.ravel(), worth.ravel()
    assert abs(estimate_examination(rank, clicked, worth, Learning()).exponent - exponent) < 0.15
    drawn = np.repeat(explored, 5)
    naive = fit_exponent(rank[drawn], clicked[drawn], np.zeros(drawn.sum(), int))
    assert naive > exponent + 0.2


def shown(answers: int, places: int, rng: np.random.Generator) -> Impressions:
    n = answers * places
    return Impressions(
        answer=np.repeat([f"a{i}" for i in range(answers)], places).astype(object),
        shop=np.array([f"s{i}" for i in range(n)], dtype=object),
        time=np.repeat(np.arange(answers, dtype=np.int64), places),
        rank=np.tile(np.arange(1, places + 1, dtype=np.int32), answers),
        score=rng.random(n, np.float32),
        chosen=(rng.random(n) < 0.15).astype(np.float32),
        chosen_at=np.zeros(n, np.int64),
    )


def test_at_most_two_negatives_a_positive_the_hard_ones_first_and_the_same_in_any_order():
    seen = shown(200, 10, np.random.default_rng(2))
    looks = Examination(exponent=0.0, method="none", clicks=0)
    chosen = choose(seen, looks, Learning(), seed=1)
    answer, label, score = seen.answer[chosen.row], chosen.label, seen.score[chosen.row]
    for name in np.unique(answer):
        mine = answer == name
        liked = label[mine].sum()
        kept = score[mine & (label == 0)]
        assert 0 < len(kept) <= 2 * liked
        there = seen.score[(seen.answer == name) & (seen.chosen == 0)]
        hard = (there > 0.8).sum()
        assert (kept > 0.8).sum() == min(hard, len(kept))
    turned = seen.take(np.arange(len(seen.answer))[::-1])
    again = choose(turned, looks, Learning(), seed=1)
    assert set(turned.shop[again.row]) == set(seen.shop[chosen.row])
    other = choose(seen, looks, Learning(), seed=2)
    assert set(seen.shop[other.row]) != set(seen.shop[chosen.row])


def test_the_correction_for_position_stops_at_its_limit():
    seen = shown(100, 10, np.random.default_rng(4))
    looks = Examination(exponent=1.0, method="none", clicks=0)
    chosen = choose(seen, looks, Learning(max_position_weight=3.0), seed=1)
    liked = chosen.label == 1
    rank = seen.rank[chosen.row]
    assert chosen.weight[liked] == pytest.approx(np.minimum(rank[liked], 3))
    assert chosen.clipped_share == pytest.approx((rank[liked] > 3).mean())
    assert set(chosen.weight[~liked].tolist()) == {1.0, 1.5}


def test_a_feature_served_otherwise_than_it_is_built_now_is_named(world):
    catalog = world.catalog
    behavior = Behavior.load(versions.current(world.settings.paths.catalog), catalog)
    tables = FeatureTables(vocabulary=Vocabulary(), rates=CrossRates.empty(catalog.districts))
    again = Again.over(catalog, behavior, tables)
    world.answer("i1")
    (record,) = world.queued["interactions"]
    asked = served_of(
        record, catalog, profile=UserProfile(user_id="u_1"), resolve=lambda name: None
    )
    right = replace(asked, features=again.features(asked))
    report = compare([(right, again.features(right))])
    # No place was named, so two features cannot be compared; all else is equal.
    assert report["equal_features"] == 58
    assert report["different"] == {name: {"compared_rows": 0} for name in WITHOUT_PLACE}
    skewed = right.features.copy()
    skewed[0, WIDE_INDEX["price_low"]] += 0.25
    report = compare([(replace(right, features=skewed), again.features(right))])
    assert report["different"]["price_low"] == {
        "max_abs_difference": 0.25,
        "equal_share": round(2 / 3, 4),
        "compared_rows": 3,
    }
