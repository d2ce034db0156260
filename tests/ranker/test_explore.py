"""The logged propensity is the chance of what was shown: it sums to one, and draws come as often as it says."""

from collections import Counter
from itertools import permutations
from math import prod

import pytest

from naviyam.errors import InputError
from naviyam.ranker.explore import draw, propensities

SCORES = [0.9, 0.8, 0.55, 0.5]


def test_the_chances_of_all_answers_sum_to_one() -> None:
    chances = {
        order: prod(propensities(order, SCORES, share=0.3, temperature=0.2))
        for order in permutations(range(4), 3)
    }
    assert sum(chances.values()) == pytest.approx(1)
    assert chances[0, 1, 2] > 0.7
    assert min(chances.values()) > 0


def test_the_chances_at_a_rank_sum_to_one_whatever_stands_before() -> None:
    for before in ([], [0], [2], [0, 1], [3, 0]):
        left = [i for i in range(4) if i not in before]
        chance = [propensities([*before, i], SCORES, share=0.4, temperature=0.3)[-1] for i in left]
        assert sum(chance) == pytest.approx(1)


def test_answers_are_drawn_as_often_as_their_propensity_says() -> None:
    drawn = [draw(SCORES, count=2, share=0.5, temperature=0.3, seed=s) for s in range(4_000)]
    often = Counter(d.order for d in drawn)
    for order in permutations(range(4), 2):
        chance = prod(propensities(order, SCORES, share=0.5, temperature=0.3))
        assert often[order] / 4_000 == pytest.approx(chance, abs=4 * (chance / 4_000) ** 0.5)
    for d in drawn[:50]:
        assert d.propensity == propensities(d.order, SCORES, share=0.5, temperature=0.3)
    assert sum(d.explored for d in drawn) == pytest.approx(2_000, abs=130)


def test_without_exploration_nothing_is_drawn() -> None:
    for scores in (SCORES, [0.5], []):
        drawn = draw(scores, count=3, share=0.0, temperature=0.1, seed=1)
        assert drawn.order == tuple(range(min(3, len(scores))))
        assert set(drawn.propensity) <= {1.0}
        assert not drawn.explored


def test_the_same_seed_gives_the_same_answer() -> None:
    one, other = (draw(SCORES, count=3, share=1.0, temperature=1.0, seed=5) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("share", "temperature"), [(1.5, 0.1), (-0.1, 0.1), (0.1, 0.0)])
def test_an_impossible_policy_is_refused(share: float, temperature: float) -> None:
    with pytest.raises(InputError, match="must lie in"):
        draw(SCORES, count=3, share=share, temperature=temperature, seed=1)
