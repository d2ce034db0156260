"""MovieLens-100K as arrays, and the recommenders-team split: by user, 75 % to learn from, 25 % to be found. Seeded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

COLUMNS = ("user_id", "item_id", "rating", "timestamp")
TRAIN_SHARE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratings:
    """Ratings [n]: `user` and `item` are rows of `n_users` and `n_items`. Times are not used: the split is not by time."""

    user: I64
    item: I64
    stars: F32
    n_users: int
    n_items: int

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the ratings at `index`, of the same users and items."""
        return type(self)(
            user=self.user[index],
            item=self.item[index],
            stars=self.stars[index],
            n_users=self.n_users,
            n_items=self.n_items,
        )

    def matrix(self, least_stars: float = 0.0) -> F32:
        """Return who rated what [n_users, n_items]: 1 where a rating of at least so many stars is."""
        out = np.zeros((self.n_users, self.n_items), np.float32)
        enough = self.stars >= least_stars
        out[self.user[enough], self.item[enough]] = 1.0
        return out


def read_ratings(path: Path) -> Ratings:
    """Read `ml-100k.inter` (tab-separated, a header of `name:type`), users and items numbered in sorted order.

    Raises:
        InputError: the file is missing, empty or has other columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise InputError(
            f"{path} cannot be read ({e}); it lies in the package recbole (dataset_example/ml-100k)"
        ) from e
    header = tuple(name.split(":")[0] for name in (lines[0].split("\t") if lines else ()))
    if header != COLUMNS or len(lines) < 2:
        raise InputError(f"{path} has the columns {header}; {COLUMNS} and rows are needed")
    cells = np.array([line.split("\t") for line in lines[1:]])
    users, user = np.unique(cells[:, 0].astype(np.int64), return_inverse=True)
    items, item = np.unique(cells[:, 1].astype(np.int64), return_inverse=True)
    return Ratings(
        user=user.reshape(-1).astype(np.int64),
        item=item.reshape(-1).astype(np.int64),
        stars=cells[:, 2].astype(np.float32),
        n_users=len(users),
        n_items=len(items),
    )


def fold_of(ratings: Ratings, folds: int, rng: np.random.Generator) -> I64:
    """Return a fold for every rating [n]: each user's ratings, shuffled, are dealt evenly to the folds."""
    order = np.lexsort((rng.random(len(ratings.user)), ratings.user))
    start = np.searchsorted(ratings.user[order], np.arange(ratings.n_users))
    place = np.arange(len(order)) - start[ratings.user[order]]
    out = np.empty(len(order), np.int64)
    out[order] = (place + rng.integers(folds, size=ratings.n_users)[ratings.user[order]]) % folds
    return out


def split(ratings: Ratings, rng: np.random.Generator) -> tuple[Ratings, Ratings]:
    """Return the part to learn from and the part to find: of each user's ratings, shuffled, the first 75 % (rounded)."""
    order = np.lexsort((rng.random(len(ratings.user)), ratings.user))
    count = np.bincount(ratings.user, minlength=ratings.n_users)
    start = np.cumsum(count) - count
    user = ratings.user[order]
    place = np.arange(len(order)) - start[user]
    learn = place < np.round(TRAIN_SHARE * count[user])
    return ratings.take(np.sort(order[learn])), ratings.take(np.sort(order[~learn]))
