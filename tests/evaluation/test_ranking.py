"""Textbook values, and what a metric must not reward."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.errors import InputError
from naviyam.evaluation import ranking


def one_list(relevance: list[int]) -> ranking.RankedLists:
    n = len(relevance)
    return ranking.put_in_order(
        -np.arange(n, dtype=float), np.array(relevance, bool), np.zeros(n, int)
    )


def test_precision_and_recall_of_a_textbook_list() -> None:
    lists = one_list([1, 0, 1, 0, 0, 1, 0, 0, 0, 1])
    assert ranking.precision_at_k(lists, 5) == pytest.approx(2 / 5)
    assert ranking.recall_at_k(lists, 5) == pytest.approx(2 / 4)
    assert ranking.recall_at_k(lists, 10) == 1.0


def test_ndcg_by_hand() -> None:
    lists = one_list([0, 1, 1])
    gain = 1 / math.log2(3) + 1 / math.log2(4)
    ideal = 1 + 1 / math.log2(3)
    assert ranking.ndcg_at_k(lists, 5) == pytest.approx(gain / ideal)
    assert ranking.ndcg_at_k(one_list([1, 1, 0]), 5) == pytest.approx(1.0)


def test_auc_is_the_mann_whitney_statistic_with_ties_at_one_half() -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    assert ranking.auc(scores, np.array([0, 0, 1, 1], bool)) == pytest.approx(0.75)
    assert ranking.auc(np.ones(4), np.array([0, 1, 0, 1], bool)) == pytest.approx(0.5)
    assert math.isnan(ranking.auc(scores, np.zeros(4, bool)))


def test_calibration_error_by_hand() -> None:
    p = np.array([0.95, 0.95, 0.05, 0.05])
    assert ranking.expected_calibration_error(p, np.array([1, 0, 0, 0], bool)) == pytest.approx(
        (0.45 * 2 + 0.05 * 2) / 4
    )
    assert ranking.expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_groups_count_equally_and_groups_without_anything_relevant_do_not() -> None:
    scores = np.array([3.0, 2, 1, 3, 2, 9])
    relevant = np.array([1, 0, 0, 0, 1, 0], bool)
    groups = np.array([7, 7, 7, 3, 3, 5])
    lists = ranking.put_in_order(scores, relevant, groups)
    assert ranking.recall_at_k(lists, 1) == pytest.approx(0.5)


def test_a_constant_score_earns_nothing_from_the_order_of_the_input() -> None:
    n_groups, size = 400, 20
    relevant = np.zeros((n_groups, size), bool)
    relevant[:, 0] = True
    groups = np.repeat(np.arange(n_groups), size)
    lists = ranking.put_in_order(np.zeros(n_groups * size), relevant.reshape(-1), groups)
    assert ranking.recall_at_k(lists, 5) == pytest.approx(5 / size, abs=0.06)


def test_coverage_and_diversity() -> None:
    lists = ranking.put_in_order(
        np.array([3.0, 2, 1, 3, 2, 1]), np.zeros(6, bool), np.repeat([0, 1], 3)
    )
    items = np.array([4, 5, 6, 4, 5, 7])
    assert ranking.coverage_at_k(lists, items, 2, catalog_size=10) == pytest.approx(0.2)
    assert ranking.diversity_at_k(lists, np.array([1, 1, 2, 1, 2, 2]), 2) == pytest.approx(0.5)
    assert ranking.diversity_at_k(lists, np.array([1, 2, 3, 1, 1, 1]), 3) == pytest.approx(0.5)


def test_broken_input_is_named() -> None:
    with pytest.raises(InputError, match="not finite"):
        ranking.put_in_order(np.array([np.nan]), np.array([True]), np.array([0]))
    with pytest.raises(InputError, match="lengths"):
        ranking.put_in_order(np.array([1.0]), np.array([True, False]), np.array([0]))


def test_the_calibration_curve_has_a_point_for_every_bin_that_holds_rows() -> None:
    p = np.array([0.92, 0.98, 0.05, 1.0])
    curve = ranking.calibration_curve(p, np.array([1, 0, 0, 1], bool))
    assert [rows for _, _, rows in curve] == [1, 3]
    assert curve[1][0] == pytest.approx(2.9 / 3)
    assert curve[1][1] == pytest.approx(2 / 3)


def test_ndcg_comes_by_group_in_the_order_of_the_groups() -> None:
    lists = ranking.put_in_order(
        np.array([1.0, 2, 2, 1]), np.array([1, 0, 1, 0], bool), np.array([9, 9, 4, 4])
    )
    assert ranking.ndcg_values(lists, 5).tolist() == [1.0, pytest.approx(1 / math.log2(3))]


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 12))
def test_every_figure_is_between_zero_and_one_and_the_best_order_is_best(
    relevance: list[bool], k: int
) -> None:
    given_order = one_list([int(r) for r in relevance])
    best = one_list([int(r) for r in sorted(relevance, reverse=True)])
    for metric in (ranking.precision_at_k, ranking.recall_at_k, ranking.ndcg_at_k):
        assert 0 <= metric(given_order, k) <= metric(best, k) <= 1 + 1e-9


def test_the_table_shows_every_ranker_and_a_dash_where_there_are_no_probabilities() -> None:
    figures = ranking.report(
        np.array([2.0, 1.0]),
        relevant=np.array([True, False]),
        groups=np.zeros(2, int),
        items=np.array([0, 1]),
        kinds=np.array([0, 1]),
        catalog_size=2,
    )
    text = ranking.table({"model": figures, "random": figures})
    assert text.count("\n") == 2
    assert " -" in text
    assert ranking.table({}) == ""


def test_a_choice_at_a_place_that_few_look_at_is_worth_more():
    scores = np.array([0.9, 0.5, 0.1])
    relevant = np.array([True, False, True])
    user = np.zeros(3, np.int64)
    plain = ranking.ndcg_values(ranking.put_in_order(scores, relevant, user), 5)
    for gains, better in ((np.array([1.0, 1.0, 1.0]), False), (np.array([1.0, 1.0, 3.0]), True)):
        ideal = ranking.put_in_order(gains * relevant, relevant, user)
        served, turned = (
            ranking.weighted_ndcg_values(
                ranking.put_in_order(order, relevant, user), ideal, gains, 5
            )
            for order in (scores, scores[::-1])
        )
        assert (turned > served).all() == better
        if not better:
            assert served == pytest.approx(plain)
