"""The public benchmark: split, figures by hand, funnels that do not see themselves, lists, and a run in small."""

from pathlib import Path

import numpy as np
import pytest

from naviyam.errors import ConfigError, InputError
from naviyam.features.spec import WIDE_SIZE
from training.movielens.funnels import OWN, POPULARITY, Funnel, ease
from training.movielens.lists import FOUND, make_lists, spread
from training.movielens.metrics import measure, top_k
from training.movielens.protocol import Task, run_seed
from training.movielens.ranker import RankerOptions, train
from training.movielens.ratings import Ratings, fold_of, read_ratings, split
from training.movielens.summary import summary, table


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    """Two kinds of users who mostly rate one half of the items each."""
    rng = np.random.default_rng(0)
    chance = np.where(np.arange(40)[:, None] % 2 == np.arange(60)[None] % 2, 0.5, 0.05)
    user, item = np.nonzero(rng.random((40, 60)) < chance)
    stars = rng.integers(1, 6, len(user)).astype(np.float32)
    return Ratings(user=user, item=item, stars=stars, n_users=40, n_items=60)


def test_the_file_is_read_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.inter"
    path.write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n10\t7\t3\t5\n9\t7\t4\t6\n"
    )
    found = read_ratings(path)
    assert found.user.tolist() == [1, 0]
    assert found.n_items == 1
    assert found.matrix(4.0).tolist() == [[1], [0]]
    path.write_text("a:token\n")
    with pytest.raises(InputError, match="columns"):
        read_ratings(path)
    with pytest.raises(InputError, match="recbole"):
        read_ratings(tmp_path / "none")


def test_the_split_holds_out_a_quarter_of_every_user_and_nothing_twice(ratings: Ratings) -> None:
    learn, held = split(ratings, np.random.default_rng(1))
    assert not (learn.matrix() * held.matrix()).any()
    np.testing.assert_array_equal(learn.matrix() + held.matrix(), ratings.matrix())
    count = np.bincount(ratings.user)
    np.testing.assert_array_equal(np.bincount(learn.user), np.round(0.75 * count))


def test_folds_are_even_within_each_user(ratings: Ratings) -> None:
    fold = fold_of(ratings, 4, np.random.default_rng(2))
    for user in range(ratings.n_users):
        sizes = np.bincount(fold[ratings.user == user], minlength=4)
        assert sizes.max() - sizes.min() <= 1


def test_figures_by_hand() -> None:
    scores = np.array([[5.0, 4, 3, 2, 1]], np.float32)
    seen = np.array([[1, 0, 0, 0, 0]], np.float32)
    wanted = np.array([[0, 0, 1, 0, 1]], np.float32)
    assert top_k(scores, seen, 2).tolist() == [[1, 2]]
    found = measure(scores, seen=seen, wanted=wanted, k=2)
    assert found.precision == found.recall == 0.5
    assert found.map == pytest.approx(0.5 / 2)
    assert found.ndcg == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_ease_never_scores_an_item_by_itself(dropout: float) -> None:
    seen = np.eye(3, 4, dtype=np.float32)
    scores = ease(seen, 0, regularization=1.0, dropout=dropout)
    np.testing.assert_allclose(scores * seen, 0, atol=1e-6)


def test_lists_hold_only_unseen_items_and_scores_where_they_belong(ratings: Ratings) -> None:
    learn, held = split(ratings, np.random.default_rng(1))
    seen, wanted = learn.matrix(), held.matrix()
    scores = {"popularity": POPULARITY.score(seen, 0), "ease": ease(seen, 0, regularization=5.0)}
    lists = make_lists(scores, seen, wanted)
    assert not seen[lists.user[:, None], lists.item].any()
    assert lists.dense.shape[2] == WIDE_SIZE + 11
    assert (lists.dense[..., 5:7].sum(1) == FOUND).all()
    flat = spread(lists, lists.mean_score, ratings.n_items)
    np.testing.assert_array_equal(np.take_along_axis(flat, lists.item, 1), lists.mean_score)
    with pytest.raises(ConfigError, match="do not fit"):
        make_lists({str(i): seen for i in range(20)}, seen, wanted)


def test_the_ranker_begins_at_the_mean_of_the_funnels_and_repeats_itself(ratings: Ratings) -> None:
    learn, held = split(ratings, np.random.default_rng(1))
    seen = learn.matrix()
    lists = make_lists({"ease": ease(seen, 0, regularization=5.0)}, seen, held.matrix())
    still = RankerOptions(learning_rate=0.0, epochs=1)
    (before,) = train(lists, lists, 40, 60, still)
    np.testing.assert_allclose(before, 2 * lists.mean_score, atol=1e-5)
    one, two = (list(train(lists, lists, 40, 60, RankerOptions(epochs=2)))[-1] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, before)


@pytest.mark.slow
def test_a_run_puts_every_system_beside_the_others(ratings: Ratings) -> None:
    funnels = [POPULARITY, *(_quick(f) for f in OWN if f.name in ("ease", "rp3beta"))]
    result = run_seed(ratings, funnels, seed=3, task=Task(k=5), say=lambda text: None)
    assert set(result.systems) == {
        "popularity", "ease", "rp3beta", "funnels_mean", "wide_only", "deep_only", "wide_deep",
    }  # fmt: skip
    assert result.systems["wide_deep"].ndcg > result.systems["popularity"].ndcg + 0.1
    assert 1 <= result.chosen["wide_deep"]["epochs"] <= 4
    found = summary([result], "made up", "here")
    assert found["best_baseline"] in ("ease", "rp3beta")
    assert "wide_deep" in table(found)


def _quick(funnel: Funnel) -> Funnel:
    return Funnel(name=funnel.name, score=funnel.score, settings=funnel.settings[:2])
