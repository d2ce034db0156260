"""From wishes to masks: which shops may be shown, and which of their menus. Vectorised, no I/O, no ranking.

Hard for ever: no shop that mainly sells alcohol, nothing with a stated allergy, no shop known to refuse the card
when the card was asked for. Unknown is neither yes nor no: unknown hours pass "open now", unknown menus pass an
allergy or a diet (both are ranked after what is known); an unknown price does not pass a budget. A menu that is
only a drink is no answer where a meal is wished and neither kind nor dish is named.

Diets by rule: `not_spicy` leaves out menus of `words.SPICY`, `vegetarian` those of `words.MEAT`, `healthy` wants
a 건강식 shop or a menu of `words.HEALTHY`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.catalog.types import Menu
from naviyam.request import ALLERGY_PREFIX, CATEGORIES, Filters, Place, RequestContext, UserProfile
from naviyam.retrieval import words
from naviyam.retrieval.area import Area, area_of
from naviyam.retrieval.foods import FoodTable, Lines
from naviyam.settings import Places, Settings
from naviyam.text.clean import squash

Mask = npt.NDArray[np.bool_]
YES, NO = 1, 2
"""Codes of `Catalog.meal_card`."""


def with_allergies(filters: Filters, profile: UserProfile) -> Filters:
    """Return `filters` with the allergies of a profile that consents: they hold without being said again."""
    if not profile.consent:
        return filters
    known = [d for d in profile.dietary if d.startswith(ALLERGY_PREFIX)]
    return replace(filters, dietary=tuple(dict.fromkeys((*filters.dietary, *known))))


def menu_allowed(menu: Menu, filters: Filters) -> bool:
    """Return whether a menu may be shown to who has these wishes (budget, allergies, diet, what was excluded)."""
    name = squash(menu.name)
    if menu.is_sold_out:
        return False
    if filters.budget_max is not None and not 0 < menu.price_won <= filters.budget_max:
        return False
    if any(form in name for form in _banned_forms(filters)):
        return False
    if _wants_food(filters) and name.endswith(words.DRINKS):
        return False
    if any(_names_dish(name, words.dish_forms(e)) for e in filters.exclude if e not in CATEGORIES):
        return False
    stated = [squash(a) for a in menu.allergens or ()]
    return not any(
        form in allergen
        for food in filters.allergies
        for form in words.allergy_forms(food)
        for allergen in stated
    )


def fitting_menus(menus: Iterable[Menu], filters: Filters) -> tuple[Menu, ...]:
    """Return the menus that may be shown, the dish that was asked for first, else in the order given."""
    forms = words.dish_forms(filters.food_type) if filters.food_type else ()
    allowed = [menu for menu in menus if menu_allowed(menu, filters)]
    return tuple(sorted(allowed, key=lambda menu: not _names_dish(squash(menu.name), forms)))


def _wants_food(filters: Filters) -> bool:
    """Return whether a meal is wished without a kind or a dish: a drink is then no answer."""
    return filters.category is None and filters.food_type is None


def _names_dish(name: str, forms: Sequence[str]) -> bool:
    """Return what `FoodTable.find_dish` finds in one name."""
    return any(name.endswith(form) if len(form) == 1 else form in name for form in forms)


def _banned_forms(filters: Filters) -> list[str]:
    """Return strings that an allowed menu's name must not hold."""
    banned = [form for food in filters.allergies for form in words.allergy_forms(food)]
    if "not_spicy" in filters.dietary:
        banned += words.SPICY
    if "vegetarian" in filters.dietary:
        banned += words.MEAT
    return banned


@lru_cache(maxsize=2)
def food_table(catalog: Catalog) -> FoodTable:
    """Return the catalogue's food table, made once and shared by all who filter it."""
    return FoodTable(catalog)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """The wishes of one request, compiled against one catalogue.

    `shops` maps a wish's name to the shops [n] that grant it; wishes about menus meet in `menu_mask`, because one
    and the same menu must be cheap enough, free of the allergen and not excluded.
    """

    catalog: Catalog
    filters: Filters
    area: Area
    shops: dict[str, Mask]
    banned: dict[str, tuple[Lines, ...]]
    dish: Lines | None
    open_state: npt.NDArray[np.int8]
    checks_menus: bool
    """Whether a wish (allergy, diet) depends on menus, so that a shop without known menus is only a maybe."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the wishes that leave shops out, in a fixed order; `always` (what is never loosened) is not named."""
        out = [name for name in self.shops if name != "always"]
        out += [name for name in self.banned if name not in ("always", *out)]
        if self.filters.budget_max is not None:
            out.append("budget_max")
        if self.dish is not None:
            out.append("food_type")
        return tuple(out)

    def mask(self, *, without: frozenset[str] = frozenset()) -> Mask:
        """Return the shops that grant every wish but those named in `without`; places are left to `area`."""
        out = self.menu_mask(without=without)
        for name, granted in self.shops.items():
            if name not in without:
                out &= granted
        if "payment_method" in without:
            out &= self.catalog.meal_card != NO
        return out

    def menu_mask(self, *, without: frozenset[str]) -> Mask:
        """Return the shops that have a menu granting every wish about menus, or menus that nobody knows."""
        foods = food_table(self.catalog)
        budget = None if "budget_max" in without else self.filters.budget_max
        banned = [g for name, groups in self.banned.items() if name not in without for g in groups]
        if budget is None and not banned and self.dish is None:
            return foods.has_available | ~foods.has_menus
        allowed = foods.available.copy()
        for lines in banned:
            allowed[lines] = False
        if budget is not None:
            allowed &= (foods.price > 0) & (foods.price <= budget)
        fits = foods.shops(allowed)
        if budget is None:
            fits |= ~foods.has_menus
        if self.dish is None or "food_type" in without:
            return fits
        on_menu = foods.shops(self.dish[~foods.is_name[self.dish]])
        granted = foods.shops(self.dish[allowed[self.dish]])
        return granted | (foods.shops(self.dish) & ~on_menu & fits)

    def least_price(self, mask: Mask, *, without: frozenset[str]) -> int:
        """Return the least price of a menu in the shops of `mask` that grants the other wishes, 0 if none is known."""
        foods = food_table(self.catalog)
        allowed = foods.available & (foods.price > 0) & mask[foods.row]
        for name, groups in self.banned.items():
            if name not in without:
                for lines in groups:
                    allowed[lines] = False
        if self.dish is not None and "food_type" not in without and allowed[self.dish].any():
            allowed[np.setdiff1d(np.arange(len(allowed)), self.dish)] = False
        return int(foods.price[allowed].min()) if allowed.any() else 0

    def likely(self) -> Mask:
        """Return the shops [n] that surely sell the dish by their kind, though nobody knows their menus."""
        name = squash(self.filters.food_type or "")
        kinds = words.DISH_KINDS[name] if name in words.SURE else ()
        return tagged(self.catalog, kinds) & ~food_table(self.catalog).has_menus

    def akin(self) -> Mask:
        """Return the shops [n] of the kinds that sell the dish: by the table, else those of most shops that have it."""
        kinds = words.DISH_KINDS.get(squash(self.filters.food_type or ""), ())
        if kinds:
            return tagged(self.catalog, kinds)
        sellers = food_table(self.catalog).shops(self.dish) if self.dish is not None else None
        if sellers is None or not sellers.any():
            return np.ones(self.catalog.size, np.bool_)
        share = (
            np.bincount(self.catalog.category[sellers], minlength=len(CATEGORIES)) / sellers.sum()
        )
        return tagged(self.catalog, [CATEGORIES[int(np.argmax(share))]])


def tagged(catalog: Catalog, kinds: Iterable[str]) -> Mask:
    """Return the shops [n] that are of one of `kinds` (categories)."""
    bits = sum(1 << CATEGORIES.index(kind) for kind in dict.fromkeys(kinds))
    fits: Mask = (catalog.tags & np.uint16(bits)) != 0
    return fits


def compile_wishes(
    filters: Filters,
    context: RequestContext,
    place: Place | None,
    catalog: Catalog,
    places: Places,
    *,
    profile: UserProfile | None = None,
    shown: Sequence[str] = (),
    open_state: npt.NDArray[np.int8] | None = None,
) -> Wishes:
    """Compile what was asked; `shown` are ids of shops not to show again, `open_state` `Catalog.open_now` if known."""
    if profile is not None:
        filters = with_allergies(filters, profile)
    foods = food_table(catalog)
    state = open_state if open_state is not None else catalog.open_now(context.time)
    shops: dict[str, Mask] = {
        "always": ~catalog.alcohol & ~_allergic_shops(filters, catalog, foods)
    }
    if filters.payment_method == "meal_card":
        shops["payment_method"] = catalog.meal_card == YES
    if filters.category is not None:
        shops["category"] = tagged(catalog, [filters.category])
    if filters.open_now:
        shops["open_now"] = state != 0
    if filters.is_good_influence_shop:
        shops["is_good_influence_shop"] = catalog.good_influence
    if filters.exclude:
        shops["exclude"] = ~_excluded_shops(filters.exclude, catalog, foods)
    for diet, granted in _diets(filters, catalog, foods):
        shops[f"dietary:{diet}"] = granted
    if shown:
        fresh = np.ones(catalog.size, np.bool_)
        fresh[[catalog.row_of[i] for i in shown if i in catalog.row_of]] = False
        shops["shown"] = fresh
    return Wishes(
        catalog=catalog,
        filters=filters,
        area=area_of(place, context, profile, catalog, places),
        shops=shops,
        banned=_banned_lines(filters, foods),
        dish=foods.find_dish(words.dish_forms(filters.food_type)) if filters.food_type else None,
        open_state=state,
        checks_menus=bool(filters.dietary),
    )


def candidate_mask(
    filters: Filters,
    context: RequestContext,
    place: Place | None,
    catalog: Catalog,
    settings: Settings,
) -> Mask:
    """Return the shops [n] that grant everything as asked, within the place's own radius."""
    wishes = compile_wishes(filters, context, place, catalog, settings.places)
    return wishes.mask() & wishes.area.within(settings.places.widen[0])


def _banned_lines(filters: Filters, foods: FoodTable) -> dict[str, tuple[Lines, ...]]:
    banned: dict[str, tuple[Lines, ...]] = {}
    always = [foods.find_allergen(words.allergy_forms(food)) for food in filters.allergies]
    if _wants_food(filters):
        always.append(foods.find([drink + "\n" for drink in words.DRINKS]))
    if always:
        banned["always"] = tuple(always)
    for diet, forms in (("not_spicy", words.SPICY), ("vegetarian", words.MEAT)):
        if diet in filters.dietary:
            banned[f"dietary:{diet}"] = (foods.find(forms),)
    dishes = [e for e in filters.exclude if e not in CATEGORIES]
    if dishes:
        banned["exclude"] = tuple(foods.find_dish(words.dish_forms(dish)) for dish in dishes)
    return banned


def _allergic_shops(filters: Filters, catalog: Catalog, foods: FoodTable) -> Mask:
    """Return shops whose name holds the food, or whose kind does where menus are unknown."""
    out = np.zeros(catalog.size, np.bool_)
    for food in filters.allergies:
        out |= _named(foods, foods.find(words.allergy_forms(food)))
        kinds = words.ALLERGY_KINDS.get(words.allergy_key(food), ())
        out |= tagged(catalog, kinds) & ~foods.has_menus
    return out


def _diets(filters: Filters, catalog: Catalog, foods: FoodTable) -> list[tuple[str, Mask]]:
    out: list[tuple[str, Mask]] = []
    if "not_spicy" in filters.dietary:
        out.append(("not_spicy", foods.has_menus | ~_named(foods, foods.find(words.SPICY))))
    if "vegetarian" in filters.dietary:
        meaty = _named(foods, foods.find(words.MEAT)) | tagged(catalog, words.MEAT_KINDS)
        out.append(("vegetarian", foods.has_menus | ~meaty))
    if "healthy" in filters.dietary:
        healthy = foods.shops(foods.find(words.HEALTHY)) | tagged(catalog, [words.HEALTHY_KIND])
        out.append(("healthy", healthy))
    return out


def _excluded_shops(exclude: Sequence[str], catalog: Catalog, foods: FoodTable) -> Mask:
    """Return shops meant by a category, an id, or a word in their name."""
    out = tagged(catalog, [e for e in exclude if e in CATEGORIES])
    for item in exclude:
        if item in catalog.row_of:
            out[catalog.row_of[item]] = True
        elif item not in CATEGORIES:
            out |= _named(foods, foods.find(words.dish_forms(item)))
    return out


def _named(foods: FoodTable, lines: Lines) -> Mask:
    return foods.shops(lines[foods.is_name[lines]])
