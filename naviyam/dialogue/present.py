"""Turns ranked catalogue rows into what is shown: the only facts a text may state. Pure; unknown stays unknown.

The hard wishes are checked once more here, whatever search and ranking did: no bar, nothing above the budget, no
allergen, nothing known to be closed or to refuse the card when that was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.dialogue.place import distance_m, origin, walk_minutes
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import ALLERGY_PREFIX, Filters, Place, RequestContext
from naviyam.retrieval.filters import fitting_menus
from naviyam.retrieval.words import dish_forms
from naviyam.search import FUNNELS
from naviyam.settings import Settings
from naviyam.text.clean import squash

MAX_MENUS = 3
MAX_REASONS = 3
_OPEN = {1: True, 0: False, -1: None}
_GOOD_RATING = 4.0
_NEAR_MINUTES = 10
_SNACK_SHARE = 0.3
"""A menu below this share of the shop's dearest is no meal; a meal is named first."""

_SIDES = (
    "치킨무", "단무지", "공기밥", "공깃밥", "콜라", "사이다", "음료", "우유", "주스", "커피", "아메리카노", "라떼", "생수", "소스", "추가", "사리", "토핑",
)  # fmt: skip
_DRINK_PLACES = frozenset(("카페", "베이커리"))
_COFFEE = (
    "커피",
    "아메리카노",
    "에스프레소",
    "라떼",
    "콜드브루",
    "더치",
    "카푸치노",
    "마키아또",
    "모카",
)
"""No meal, and in a café the last thing to offer a child (초코라떼 too: where there is anything else, that is named)."""
_LIKED = 0.3
"""A funnel's score from which its reason is worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one request looks at the shops with. `relaxed` are the wishes that search had to loosen."""

    catalog: Catalog
    settings: Settings
    filters: Filters
    context: RequestContext
    place: Place | None
    pays_by_card: bool
    relaxed: tuple[str, ...] = ()

    @property
    def limit_won(self) -> int:
        """The card's limit for one meal where the child is."""
        return self.settings.meal_card.limit_won(self.context.municipality)

    def holds(self, wish: str) -> bool:
        """Return whether a wish was not loosened (`open_now:unknown` is not loosened: closed shops stay out)."""
        return wish not in self.relaxed

    @property
    def kept_filters(self) -> Filters:
        """The filters without what was loosened; an allergy always stays."""
        kept = tuple(
            d
            for d in self.filters.dietary
            if d.startswith(ALLERGY_PREFIX) or self.holds(f"dietary:{d}")
        )
        return replace(
            self.filters,
            dietary=kept,
            exclude=self.filters.exclude if self.holds("exclude") else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One ranked shop: its row, personalised score and funnel scores."""

    row: int
    score: float
    funnels: Mapping[str, float]


def candidates_in_order(
    rows: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    funnel_scores: npt.NDArray[np.float32],
    order: npt.NDArray[np.int32],
) -> list[Candidate]:
    """Return the candidates best first; funnels that did not find a shop are left out."""
    return [
        Candidate(
            row=int(rows[i]),
            score=float(scores[i]),
            funnels={
                name: float(v) for name, v in zip(FUNNELS, funnel_scores[i], strict=True) if v > 0
            },
        )
        for i in order.tolist()
    ]


def present(
    candidates: Sequence[Candidate], view: View, *, count: int
) -> tuple[Recommendation, ...]:
    """Return at most `count` recommendations that keep every hard wish, ranked from 1."""
    if not candidates:
        return ()
    opening = view.catalog.open_now(view.context.time)
    by_price = view.filters.sort == "cheapest"
    first: list[Recommendation] = []
    later: list[Recommendation] = []
    no_meals: list[Recommendation] = []
    for candidate in candidates:
        made = recommendation(candidate, view, open_code=int(opening[candidate.row]))
        if made is None or not _keeps_wishes(made, view):
            continue
        if not _is_meal(made, view):
            no_meals.append(made)
            continue
        (first if serves_wish(made, view) else later).append(made)
        if len(first) == count and not by_price:
            break
    if by_price:  # the price of what is shown, not of the cheapest drink
        first.sort(key=lambda r: r.menus[0].price_won if r.menus else 1 << 30)
    shown = [*first, *later] or no_meals
    return tuple(replace(r, rank=i) for i, r in enumerate(shown[:count], start=1))


def serves_wish(r: Recommendation, view: View) -> bool:
    """Return whether a shown menu is the dish that was asked for; True where none was."""
    dish = view.filters.food_type
    return not dish or _serves(r, dish_forms(dish))


def _is_meal(r: Recommendation, view: View) -> bool:
    """Return whether a shop has something to eat at a child's price; what is not known is taken for it.

    Who names the dish, or a kind of place where one drinks, is asked for nothing of the sort.
    """
    if not r.menus or (view.filters.food_type and serves_wish(r, view)):
        return True
    far = view.settings.meal_card.far_above * view.limit_won
    if min(m.price_won for m in r.menus) > far:
        return False
    if view.filters.category in _DRINK_PLACES:
        return True
    return not all(any(word in m.name for word in _COFFEE) for m in r.menus)


def recommendation(candidate: Candidate, view: View, *, open_code: int) -> Recommendation | None:
    """Return one shop as shown, None where it may not be shown at all (a bar, no menu that fits the wishes)."""
    catalog, row = view.catalog, candidate.row
    if catalog.alcohol[row]:
        return None
    shop = catalog.shop(row)
    known = catalog.menus(row)
    menus = shown_menus(known, view)
    if not menus and (view.filters.budget_max is not None or known):
        return None
    start = origin(view.place, view.context)
    distance = None
    if start is not None and shop.latitude is not None and shop.longitude is not None:
        distance = distance_m(start, shop.latitude, shop.longitude)
    made = Recommendation(
        rank=1,
        shop_id=shop.shop_id,
        name=shop.name,
        category=shop.category,
        address=shop.address,
        menus=menus,
        meal_card=shop.meal_card.value,
        is_good_influence_shop=shop.is_good_influence_shop,
        distance_m=None if distance is None else round(distance),
        walk_minutes=None if distance is None else walk_minutes(distance, view.settings.places),
        open_now=_OPEN[open_code],
        open_until=catalog.closes_at(row, view.context.time) if open_code == 1 else None,
        rating=shop.rating,
        score=candidate.score,
        funnels=candidate.funnels,
    )
    return replace(made, reasons=reasons(made, shop, view))


def shown_menus(menus: Sequence[Menu], view: View) -> tuple[ShownMenu, ...]:
    """Return at most three menus that fit, the best first: the dish asked for, what the card pays, the favourites."""
    limit = view.limit_won if view.pays_by_card else None
    by_price = view.filters.sort == "cheapest"

    def over(menu: Menu) -> int:
        return 0 if limit is None else max(0, menu.price_won - limit)

    priced = [m for m in menus if m.price_won > 0]
    snack_won = _SNACK_SHARE * max((m.price_won for m in priced), default=0)
    drinks = view.filters.category in _DRINK_PLACES

    def key(menu: Menu) -> tuple[bool, bool, int, bool, bool]:
        side = any(word in menu.name for word in (_COFFEE if drinks else _SIDES))
        price = menu.price_won if by_price else 0
        return side, over(menu) > 0, price, menu.price_won < snack_won, not menu.is_best

    priced.sort(key=key)
    return tuple(
        ShownMenu(
            name=m.name, price_won=m.price_won, over_limit_won=over(m), discount_won=m.discount_won
        )
        for m in fitting_menus(priced, view.kept_filters)[:MAX_MENUS]
    )


def reasons(r: Recommendation, shop: Shop, view: View) -> tuple[str, ...]:
    """Return why this shop, in short Korean sentences that the facts bear out; the most asked-for first."""
    f = view.filters
    found: list[str] = []
    if f.food_type and _serves(r, dish_forms(f.food_type)):
        found.append(f"{f.food_type} 메뉴가 있어요")
    elif f.category and f.category in (shop.category, *shop.tags):
        found.append(f"{f.category} 가게예요")
    if view.filters.budget_max is not None and r.menus:
        found.append(f"{view.filters.budget_max:,}원 안에서 먹을 수 있어요")
    if view.pays_by_card and r.meal_card == MealCard.YES:
        found.append("급식카드로 먹을 수 있어요")
    if f.open_now and r.open_now:
        found.append("지금 열려 있어요")
    if r.is_good_influence_shop:
        found.append("착한가게예요")
    if r.walk_minutes is not None and r.walk_minutes <= _NEAR_MINUTES:
        found.append(f"걸어서 {r.walk_minutes}분이에요")
    if r.rating is not None and r.rating >= _GOOD_RATING:
        found.append(f"별점이 {r.rating:.1f}점이에요")
    if r.funnels.get("collaborative", 0) >= _LIKED:
        found.append("입맛이 비슷한 친구들이 좋아한 곳이에요")
    if r.funnels.get("popularity", 0) >= _LIKED:
        found.append("많이 찾는 곳이에요")
    return tuple(found[:MAX_REASONS])


def _serves(r: Recommendation, dish: Sequence[str]) -> bool:
    return any(form in squash(m.name) for m in r.menus for form in dish)


def _keeps_wishes(r: Recommendation, view: View) -> bool:
    if view.filters.open_now and view.holds("open_now") and r.open_now is False:
        return False
    return not (view.pays_by_card and view.holds("payment_method") and r.meal_card == MealCard.NO)
