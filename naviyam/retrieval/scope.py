"""Which shops a request may get at all: the hard mask, widened and loosened until something fits. Computed once.

The ladder, from what was asked to what may be said instead:

1. everything as asked, the place's radius times `places.widen`, until `places.enough` shops fit;
2. before it is widened for a dish that every shop of its kind sells (`words.SURE`), those with unknown menus
   count too, ranked after the known (`food_type`): a near 중국집 is better than a 짜장면 an hour away;
3. nothing at all: one wish is loosened, in the order of `LOOSENED`; then two together; and so on.

Never loosened: alcohol, allergies, a card that is known not to work, budget, category, opening, diets but
`healthy`, what was excluded. `relaxed` names what was loosened, or passed only as unknown (`open_now:unknown`).
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from threading import Lock

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.errors import StaleVersionError
from naviyam.request import Filters
from naviyam.retrieval.filters import Mask, Wishes, compile_wishes, food_table
from naviyam.search import SearchRequest
from naviyam.settings import Places

LOOSENED = (
    "dietary:healthy", "payment_method", "food_type", "location", "is_good_influence_shop", "shown",
)  # fmt: skip
"""What may be loosened, first to last. `payment_method` lets unknown shops in, `food_type` shops of the dish's kind, `location` the whole district."""

UNCHECKED = ("atmosphere",)
"""Wishes that no catalogue can check; they are always named as loosened."""

_EXPLAINED = (
    "budget_max", "location", "open_now", "payment_method", "food_type", "category", "dietary:not_spicy",
    "dietary:vegetarian", "dietary:healthy", "is_good_influence_shop", "exclude", "shown",
)  # fmt: skip
_CACHED = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scope:
    """The shops in question. `tier` int8 [n]: 0 all is known to fit, more where something is only assumed."""

    filters: Filters
    mask: Mask
    rows: npt.NDArray[np.int32]
    tier: npt.NDArray[np.int8]
    open_state: npt.NDArray[np.int8]
    distance_m: npt.NDArray[np.float32] | None
    relaxed: tuple[str, ...]


class Scoper:
    """Scopes of one catalogue, the latest of them remembered. Thread-safe: two askers of one scope compute it once."""

    def __init__(self, catalog: Catalog, places: Places) -> None:
        self.catalog = catalog
        self._places = places
        self._scopes: OrderedDict[object, Scope] = OrderedDict()
        self._open: tuple[object, npt.NDArray[np.int8]] | None = None
        self._lock = Lock()
        food_table(catalog)

    def scope(self, request: SearchRequest) -> Scope:
        """Return the scope of a request.

        Raises:
            StaleVersionError: the request was made against another version of the catalogue.
        """
        self._check(request)
        key = self._key(request)
        with self._lock:
            if key not in self._scopes:
                self._scopes[key] = self._compute(request)
                if len(self._scopes) > _CACHED:
                    self._scopes.popitem(last=False)
            self._scopes.move_to_end(key)
            return self._scopes[key]

    def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        """Return the wishes of which giving up one alone would help, most useful first.

        A budget comes with the least price that would do (`budget_max:7000`), without one where no price is known.
        Empty if something fits, or if no single wish stands in the way. Allergies are never offered.
        """
        self._check(request)
        with self._lock:
            if len(self._compute(request).rows):
                return ()
            wishes = self._wishes(request)
        loose = frozenset(LOOSENED)
        for base in (frozenset[str](), loose):
            helps = [
                name for name in _EXPLAINED if name not in base and self._helps(wishes, base, name)
            ]
            if helps:
                return tuple(self._priced(wishes, base, name) for name in helps)
        return ()

    def _check(self, request: SearchRequest) -> None:
        if request.catalog_version != self.catalog.version:
            raise StaleVersionError(
                f"the request is of catalogue {request.catalog_version!r}, this is {self.catalog.version!r}; "
                "ask again with the newer one"
            )

    def _key(self, request: SearchRequest) -> object:
        profile = request.profile
        personal = (profile.dietary, profile.district) if profile.consent else None
        context = replace(
            request.context, time=request.context.time.replace(second=0, microsecond=0)
        )
        return request.filters, context, request.place, personal, request.exclude_shop_ids

    def _wishes(self, request: SearchRequest) -> Wishes:
        minute = request.context.time.replace(second=0, microsecond=0)
        if self._open is None or self._open[0] != minute:
            self._open = minute, self.catalog.open_now(minute)
        return compile_wishes(
            request.filters, request.context, request.place, self.catalog, self._places,
            profile=request.profile, shown=request.exclude_shop_ids, open_state=self._open[1],
        )  # fmt: skip

    def _compute(self, request: SearchRequest) -> Scope:
        wishes = self._wishes(request)
        near = wishes.area.within(self._places.widen[0])
        known = wishes.mask() & near
        likely = np.zeros(self.catalog.size, np.bool_)
        if wishes.dish is not None and known.sum() < self._places.enough:
            likely = wishes.mask(without=frozenset({"food_type"})) & wishes.likely() & near & ~known
        if likely.any():
            return self._scope(wishes, known | likely, likely, frozenset({"food_type"}))
        mask, loosened = self._ladder(wishes)
        return self._scope(wishes, mask, likely, loosened)

    def _scope(self, wishes: Wishes, mask: Mask, likely: Mask, loosened: frozenset[str]) -> Scope:
        filters, menus_known = wishes.filters, food_table(self.catalog).has_menus
        tier = likely.astype(np.int8)
        order = [n for n in LOOSENED if n in loosened]
        if filters.open_now:
            tier += wishes.open_state != 1
            if mask.any() and not (wishes.open_state[mask] == 1).any():
                order.append("open_now:unknown")
        if wishes.checks_menus:
            tier += ~menus_known
            if mask.any() and not menus_known[mask].any():
                order.append("dietary:unknown")
        order += [name for name in UNCHECKED if getattr(filters, name) is not None]
        return Scope(
            filters=filters,
            mask=mask,
            rows=np.flatnonzero(mask).astype(np.int32),
            tier=tier,
            open_state=wishes.open_state,
            distance_m=wishes.area.distance_m,
            relaxed=tuple(order),
        )

    def _ladder(self, wishes: Wishes) -> tuple[Mask, frozenset[str]]:
        """Return the first mask of the ladder that holds a shop, and what was loosened for it."""
        mask, wider = self._widened(wishes, frozenset())
        if mask.any():
            return mask, frozenset({"location"}) if wider else frozenset()
        active = tuple(n for n in LOOSENED if n == "location" or n in wishes.names)
        if not self._widened(wishes, frozenset(active))[0].any():
            return mask, frozenset()
        for loosened in _subsets(active):
            mask, wider = self._widened(wishes, loosened)
            if mask.any():
                return mask, loosened | {"location"} if wider else loosened
        return mask, frozenset()

    def _widened(self, wishes: Wishes, loosened: frozenset[str]) -> tuple[Mask, bool]:
        """Return the shops in the first radius that holds enough, and whether it is wider than asked."""
        base = wishes.mask(without=loosened)
        if "food_type" in loosened:
            base &= wishes.akin()
        if "location" in loosened:
            return base & wishes.area.around(self._places.widen[-1]), False
        mask = base
        for step, factor in enumerate(self._places.widen):
            wider_mask = base & wishes.area.within(factor)
            if step and wider_mask.sum() == mask.sum():
                continue
            mask, widest = wider_mask, step
            if mask.sum() >= self._places.enough:
                break
        return mask, widest > 0

    def _helps(self, wishes: Wishes, base: frozenset[str], name: str) -> bool:
        if name != "location" and name not in wishes.names:
            return False
        return bool(self._widened(wishes, base | {name})[0].any())

    def _priced(self, wishes: Wishes, base: frozenset[str], name: str) -> str:
        if name != "budget_max":
            return name
        mask = self._widened(wishes, base | {name})[0]
        price = wishes.least_price(mask, without=base | {name})
        return f"budget_max:{price}" if price else name


def _subsets(names: tuple[str, ...]) -> Iterator[frozenset[str]]:
    """Yield every non-empty subset, the small first, in the order of `names`."""
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            yield frozenset(chosen)


@lru_cache(maxsize=2)
def shared_scoper(catalog: Catalog, places: Places) -> Scoper:
    """Return the scoper that all stages of one process share, so that a request's mask is computed once."""
    return Scoper(catalog, places)
