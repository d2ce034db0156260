import numpy as np
import pytest

from cluster.rollout.observed import in_order
from cluster.rollout.outcomes import Answers, Periods, WeightChange, users_of
from naviyam.errors import InputError
from tests.rollout.crowd import at, seen

WINDOW_S = 3600.0
STEPS = ((0.0, 0.1), (10_000.0, 0.25))


def users(*answers, steps=STEPS, now_s=1e6):
    periods = Periods.of([WeightChange(at=at(s), weight=w) for s, w in steps])
    return users_of(
        Answers.of(in_order(answers)), periods, window_s=WINDOW_S, now_s=at(now_s).timestamp()
    )


def test_a_user_counts_once_with_the_mean_of_the_window_after_the_first_answer():
    found = users(
        seen("a", after_s=0, clicked=True, satisfaction=5),
        seen("a", after_s=600),
        seen("a", after_s=3600, ordered=True, satisfaction=2),
        seen("a", after_s=3601, clicked=True),
    )
    assert found.clicked.tolist() == [1 / 3]
    assert found.ordered.tolist() == [1 / 3]
    assert found.satisfaction.tolist() == [(1.0 + 0.25) / 2]


def test_who_said_nothing_of_satisfaction_is_missing_there():
    found = users(seen("a"), seen("b", after_s=1, satisfaction=3))
    assert np.isnan(found.satisfaction).tolist() == [True, False]


def test_an_outcome_is_known_once_the_window_is_over():
    answers = (seen("a", after_s=0), seen("b", after_s=10))
    assert users(*answers, now_s=3599).known.tolist() == [False, False]
    assert users(*answers, now_s=3600).known.tolist() == [True, False]


def test_users_stand_in_order_of_their_first_answer():
    found = users(seen("b", "candidate", 5), seen("a", after_s=9), seen("b", "candidate", 700))
    assert found.candidate.tolist() == [True, False]
    assert (found.first_s - at(0).timestamp()).tolist() == [5, 9]


def test_a_window_ends_where_the_weight_changes_in_both_arms_alike():
    found = users(
        seen("a", "stable", 9_000, clicked=True),
        seen("b", "candidate", 9_001, clicked=True),
        seen("a", "candidate", 10_100),
        seen("b", "candidate", 10_100),
    )
    assert found.clicked.tolist() == [1.0, 1.0]
    assert found.moved.tolist() == [True, False]
    assert found.comparable.all()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("stable", 0), ("candidate", 100)),
        (("candidate", 0), ("stable", 100)),
        (("candidate", 0), ("stable", 11_000)),
        (("stable", 10_500), ("candidate", 11_000)),
    ],
)
def test_both_arms_are_a_fault_where_no_change_of_weight_explains_them(first, second):
    found = users(seen("a", *first), seen("a", *second))
    assert found.faulty.tolist() == [True]
    assert not found.comparable.any()


def test_a_weight_that_falls_moves_users_back():
    back = ((0.0, 0.5), (10_000.0, 0.1))
    found = users(seen("a", "candidate", 0), seen("a", "stable", 11_000), steps=back)
    assert (found.faulty.tolist(), found.moved.tolist()) == ([False], [True])


def test_while_a_weight_settles_nobody_is_at_fault_and_newcomers_are_left_out():
    found = users(
        seen("a", "candidate", 9_000),
        seen("a", "stable", 10_003),
        seen("b", "stable", 10_004),
        seen("b", "candidate", 10_006),
    )
    assert found.faulty.tolist() == [False, False]
    assert found.comparable.tolist() == [True, False]


def test_a_change_to_the_same_weight_is_none():
    same = ((0.0, 0.1), (50.0, 0.1), (90.0, 0.2))
    periods = Periods.of([WeightChange(at=at(s), weight=w) for s, w in same])
    assert periods.weight.tolist() == [0.1, 0.2]


def test_no_weight_and_no_share_are_refused():
    with pytest.raises(InputError, match="at least one weight"):
        Periods.of([])
    with pytest.raises(InputError, match=r"weight 10 .* a tenth"):
        WeightChange(at=at(0), weight=10)
