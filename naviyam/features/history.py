"""What a user and a shop had done before a moment. Sums strictly before a time; the future is never read.

Catalogue counts are totals of the day it was made. For an earlier moment the events since then are taken off again,
so a training sample sees the count of its day and a request of today sees the catalogue's own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import KINDS, Behavior
from naviyam.catalog.store import Catalog
from naviyam.features.spec import GOOD_STARS, HISTORY_LAG_S, POSITIVE_WEIGHTS

Ints = npt.NDArray[np.integer]
F64 = npt.NDArray[np.float64]


class SumsBefore:
    """Sums of a value per integer key over the events before a time; look-ups are O(log m), vectorised."""

    def __init__(self, key: Ints, time: Ints, value: npt.NDArray[np.floating]) -> None:
        order = np.lexsort((time, key))
        key, time = key[order].astype(np.int64), time[order].astype(np.int64)
        self._keys, self._start, position = np.unique(key, return_index=True, return_inverse=True)
        self._first = int(time.min()) if len(time) else 0
        self._span = (int(time.max()) - self._first + 2) if len(time) else 2
        self._place = position.astype(np.int64) * self._span + (time - self._first)
        self._sums = np.concatenate([[0.0], np.cumsum(value[order], dtype=np.float64)])
        self._end = np.append(self._start[1:], len(key))

    def before(self, key: Ints, time: Ints) -> F64:
        """Return the sum of each key's values at times strictly before `time`, float64 [n]."""
        if not len(self._keys):
            return np.zeros(np.broadcast(key, time).shape)
        i, known = self._find(key)
        moment = np.clip(time.astype(np.int64) - self._first, 0, self._span - 1)
        stop = np.searchsorted(self._place, i * self._span + moment, side="left")
        return np.where(known, self._sums[stop] - self._sums[self._start[i]], 0.0)

    def since(self, key: Ints, time: Ints) -> F64:
        """Return the sum of each key's values at `time` or later, float64 [n]."""
        if not len(self._keys):
            return np.zeros(np.broadcast(key, time).shape)
        i, known = self._find(key)
        total = self._sums[self._end[i]] - self._sums[self._start[i]]
        return np.where(known, total, 0.0) - self.before(key, time)

    def _find(self, key: Ints) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        i = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return i, self._keys[i] == key


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPast:
    """Counts [n] of a user's favourites, orders and reviews, and the liking behind them."""

    favorites: F64
    orders: F64
    reviews: F64
    liking: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopPast:
    """Counts [n] of a shop as of a moment; `rating` is nan where nobody had rated it yet."""

    reviews: F64
    orders: F64
    favorites: F64
    rating: F64


class History:
    """As-of look-ups over one catalogue and its behaviour. User rows below 0 mean nobody known."""

    def __init__(self, behavior: Behavior, catalog: Catalog) -> None:
        self._catalog = catalog
        user, shop, time = behavior.user, behavior.shop, behavior.time
        weight, liked = _liking(behavior)
        self._shops = catalog.size
        self._brands = len(catalog.brands) + 1
        self._brand = catalog.brand.astype(np.int64) + 1  # 0: no brand
        u, s, t, w = (
            user[liked].astype(np.int64),
            shop[liked].astype(np.int64),
            time[liked],
            weight[liked],
        )
        self._liking = SumsBefore(u, t, w)
        self._pair = SumsBefore(u * self._shops + s, t, w)
        self._category = SumsBefore(u * 256 + catalog.category[s], t, w)
        self._brand_pair = SumsBefore(u * self._brands + self._brand[s], t, w)
        self._user = {k: _counts(behavior, k, user) for k in ("favorite", "order", "review")}
        self._shop = {k: _counts(behavior, k, shop) for k in ("favorite", "order", "review")}
        reviewed = behavior.kind == KINDS.index("review")
        self._stars = SumsBefore(shop[reviewed], time[reviewed], behavior.value[reviewed])

    def user_past(self, user: Ints, time: Ints) -> UserPast:
        """Return what each user had done by then, [n]."""
        moment = time - HISTORY_LAG_S
        return UserPast(
            favorites=self._user["favorite"].before(user, moment),
            orders=self._user["order"].before(user, moment),
            reviews=self._user["review"].before(user, moment),
            liking=self._liking.before(user, moment),
        )

    def shop_past(self, shop: Ints, time: Ints) -> ShopPast:
        """Return each shop's counts and rating as they stood by then, [n]."""
        moment = time - HISTORY_LAG_S
        c = self._catalog
        later = {k: sums.since(shop, moment) for k, sums in self._shop.items()}
        count = c.review_count[shop].astype(np.float64)
        rating = c.rating[shop].astype(np.float64)
        left = count - later["review"]
        earlier = (rating * count - self._stars.since(shop, moment)) / np.maximum(left, 1)
        rating = np.where(later["review"] <= 0, rating, np.where(left > 0, earlier, np.nan))
        return ShopPast(
            reviews=np.maximum(left, 0),
            orders=np.maximum(c.order_count[shop] - later["order"], 0),
            favorites=np.maximum(c.favorite_count[shop] - later["favorite"], 0),
            rating=np.clip(rating, 0, 5),
        )

    def shop_affinity(self, user: Ints, shop: Ints, time: Ints) -> F64:
        """Return how much each user had liked the very shop by then, 0..1, [n]."""
        liking = self._pair.before(user.astype(np.int64) * self._shops + shop, time - HISTORY_LAG_S)
        return np.where(user >= 0, liking / (liking + 4.0), 0.0)

    def category_share(self, user: Ints, category: Ints, time: Ints) -> F64:
        """Return the share of a category in all the user had liked by then, 0..1, smoothed, [n]."""
        moment = time - HISTORY_LAG_S
        part = self._category.before(user.astype(np.int64) * 256 + category, moment)
        return np.where(user >= 0, part / (self._liking.before(user, moment) + 4.0), 0.0)

    def brand_affinity(self, user: Ints, shop: Ints, time: Ints) -> F64:
        """Return how much each user had liked the shop's brand by then, 0..1; 0 where it has none, [n]."""
        brand = self._brand[shop]
        liking = self._brand_pair.before(
            user.astype(np.int64) * self._brands + brand, time - HISTORY_LAG_S
        )
        return np.where((user >= 0) & (brand > 0), liking / (liking + 4.0), 0.0)


def _liking(behavior: Behavior) -> tuple[F64, npt.NDArray[np.bool_]]:
    by_kind = np.array([POSITIVE_WEIGHTS.get(kind, 0.0) for kind in KINDS])
    weight = by_kind[behavior.kind]
    poor = (behavior.kind == KINDS.index("review")) & (behavior.value < GOOD_STARS)
    weight = np.where(poor, 0.0, weight)
    return weight, weight > 0


def _counts(behavior: Behavior, kind: str, key: Ints) -> SumsBefore:
    of_kind = behavior.kind == KINDS.index(kind)
    return SumsBefore(key[of_kind], behavior.time[of_kind], np.ones(int(of_kind.sum())))
