"""The collaborative funnel: shops that users like this one ordered, kept or rated well (user-based, cosine).

Rows of users are normalised once; a request walks the user's shops, their users, and those users' shops.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import KINDS, Behavior

_ORDER, _FAVORITE = 1.0, 1.5
_MIDDLE_STARS, _STAR = 3.0, 0.5
"""A review adds half a point per star above three and takes as much below."""

_NEIGHBOURS = 50
_DAMPING = 2.0
"""Added to the summed similarity under a score, so that one far neighbour is not certainty."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sparse:
    """Rows of `columns` and `values`, those of row r at `start[r]:start[r + 1]`."""

    start: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        row: npt.NDArray[np.int64],
        column: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        n_rows: int,
    ) -> Self:
        order = np.lexsort((column, row))
        start = np.searchsorted(row[order], np.arange(n_rows + 1))
        return cls(
            start=start.astype(np.int64),
            columns=column[order].astype(np.int32),
            values=value[order].astype(np.float32),
        )

    def rows(
        self, rows: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the positions of all entries of `rows`, and for each the index into `rows` that it is of."""
        counts = self.start[rows + 1] - self.start[rows]
        owner = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(self.start[rows] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return first + np.arange(int(counts.sum())), owner


class Collaborative:
    """Similarities between users over their liked shops. A user without any has no neighbours, and no error."""

    def __init__(self, behavior: Behavior, n_shops: int) -> None:
        self._row_of_user = behavior.row_of_user
        self._n_users, self._n_shops = len(behavior.user_ids), n_shops
        user, shop, liking = _likings(behavior, n_shops)
        length = np.sqrt(np.bincount(user, weights=liking**2, minlength=self._n_users))
        unit = liking / length[user]
        self._shops_of = _Sparse.of(user, shop, unit, self._n_users)
        self._users_of = _Sparse.of(shop, user, unit, n_shops)

    def scores(self, user_id: str) -> npt.NDArray[np.float32] | None:
        """Return a score per shop [n] in 0..1, None for a user that nobody is like.

        score = sum over neighbours (cosine * liking) / (sum of cosines + damping), over the 50 nearest.
        """
        user = self._row_of_user.get(user_id)
        if user is None:
            return None
        neighbours, cosines = self._neighbours(user)
        if not len(neighbours):
            return None
        at, owner = self._shops_of.rows(neighbours)
        gains = self._shops_of.values[at] * cosines[owner]
        total = np.bincount(self._shops_of.columns[at], weights=gains, minlength=self._n_shops)
        scores: npt.NDArray[np.float32] = (total / (cosines.sum() + _DAMPING)).astype(np.float32)
        return scores

    def _neighbours(self, user: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        own = slice(self._shops_of.start[user], self._shops_of.start[user + 1])
        shops, liking = self._shops_of.columns[own], self._shops_of.values[own]
        at, owner = self._users_of.rows(shops)
        cosine = np.bincount(
            self._users_of.columns[at],
            weights=self._users_of.values[at] * liking[owner],
            minlength=self._n_users,
        )
        cosine[user] = 0.0
        like = np.flatnonzero(cosine > 0)
        nearest = like[np.argsort(-cosine[like], kind="stable")[:_NEIGHBOURS]]
        return nearest.astype(np.int32), cosine[nearest].astype(np.float32)


def _likings(
    behavior: Behavior, n_shops: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return users, shops and how much the one likes the other, where it is more than nothing.

    Only users who consent are learned from. Repeated orders count by their logarithm.
    """
    consents = behavior.consent[behavior.user]
    cell = behavior.user.astype(np.int64) * n_shops + behavior.shop
    kinds = {name: consents & (behavior.kind == KINDS.index(name)) for name in KINDS}
    cells = np.unique(cell[kinds["order"] | kinds["favorite"] | kinds["review"]])

    def counted(
        kind: str, weights: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        chosen = kinds[kind]
        position = np.searchsorted(cells, cell[chosen])
        weight = None if weights is None else weights[chosen]
        return np.bincount(position, weights=weight, minlength=len(cells)).astype(np.float64)

    liking = _ORDER * np.log2(1.0 + counted("order")) + _FAVORITE * (counted("favorite") > 0)
    liking += counted("review", _STAR * (behavior.value.astype(np.float64) - _MIDDLE_STARS))
    liked = liking > 0
    return cells[liked] // n_shops, cells[liked] % n_shops, liking[liked]
