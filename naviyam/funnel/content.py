"""The content funnel: how much of the wish and of the profile each shop in scope is known to grant."""

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.request import CATEGORIES, Filters, UserProfile
from naviyam.retrieval.filters import YES, food_table, tagged
from naviyam.retrieval.scope import Scope
from naviyam.retrieval.words import HEALTHY, HEALTHY_KIND, dish_forms

Grades = npt.NDArray[np.float32]

_UNKNOWN = 0.4
"""What an unknown counts, between no (0) and yes (1)."""

_ALSO = 0.7
"""A shop that is also of the category counts less than one whose main trade it is."""

_GOOD_INFLUENCE = 0.3
"""Damped, so that the flag does not drown what was asked for (as in the ranker)."""


def content(catalog: Catalog, scope: Scope, profile: UserProfile) -> Grades:
    """Return a score per row of `scope.rows` in 0..1: the weighted share of wishes that are known to be granted.

    Wishes are weighted 1 if said, 0.5 if only known from the profile or always welcome (the card works).
    """
    rows, filters = scope.rows, scope.filters
    parts = _said(catalog, scope, filters)
    parts += _welcome(catalog, rows, filters, profile if profile.consent else None)
    total = sum(weight for _, weight in parts)
    score: Grades = np.zeros(len(rows), np.float32)
    for grade, weight in parts:
        score += np.float32(weight) * grade
    score /= np.float32(max(total, 1e-9))
    return score.clip(0.0, 1.0, out=score)


def _said(catalog: Catalog, scope: Scope, filters: Filters) -> list[tuple[Grades, float]]:
    rows, foods = scope.rows, food_table(catalog)
    parts: list[tuple[Grades, float]] = []
    if filters.category is not None:
        parts.append((_of_kind(catalog, rows, filters.category), 1.0))
    if filters.food_type is not None:
        lines = foods.find_dish(dish_forms(filters.food_type))
        on_menu = foods.shops(lines[~foods.is_name[lines]])[rows]
        parts.append((np.where(on_menu, 1.0, _ALSO * foods.shops(lines)[rows]), 1.0))
    if filters.payment_method is not None:
        parts.append((_card(catalog, rows), 1.0))
    if filters.budget_max is not None:
        parts.append((_budget(catalog, rows, filters.budget_max), 1.0))
    if filters.is_good_influence_shop:
        parts.append((catalog.good_influence[rows].astype(np.float32), 1.0))
    if filters.open_now:
        state = scope.open_state[rows]
        parts.append((np.where(state < 0, _UNKNOWN, state).astype(np.float32), 1.0))
    if "healthy" in filters.dietary:
        healthy = foods.shops(foods.find(HEALTHY)) | tagged(catalog, [HEALTHY_KIND])
        parts.append((healthy[rows].astype(np.float32), 1.0))
    if filters.dietary:
        parts.append((np.where(foods.has_menus[rows], 1.0, _UNKNOWN).astype(np.float32), 1.0))
    return parts


def _welcome(
    catalog: Catalog, rows: npt.NDArray[np.int32], filters: Filters, profile: UserProfile | None
) -> list[tuple[Grades, float]]:
    parts: list[tuple[Grades, float]] = []
    if filters.payment_method is None:
        parts.append((_card(catalog, rows), 0.5))
    if not filters.is_good_influence_shop:
        parts.append((catalog.good_influence[rows].astype(np.float32), _GOOD_INFLUENCE))
    if profile is None:
        return parts
    if filters.budget_max is None and profile.budget_won:
        parts.append((_budget(catalog, rows, profile.budget_won), 0.5))
    liked = [kind for kind in profile.favorite_categories if kind in CATEGORIES]
    if filters.category is None and liked:
        parts.append((tagged(catalog, liked)[rows].astype(np.float32), 0.5))
    return parts


def _of_kind(catalog: Catalog, rows: npt.NDArray[np.int32], kind: str) -> Grades:
    main = catalog.category[rows] == CATEGORIES.index(kind)
    return np.where(main, 1.0, _ALSO * tagged(catalog, [kind])[rows]).astype(np.float32)


def _card(catalog: Catalog, rows: npt.NDArray[np.int32]) -> Grades:
    card = catalog.meal_card[rows]
    return np.where(card == YES, 1.0, np.where(card == 0, _UNKNOWN, 0.0)).astype(np.float32)


def _budget(catalog: Catalog, rows: npt.NDArray[np.int32], budget_won: int) -> Grades:
    price = catalog.min_price[rows]
    return np.where(price == 0, _UNKNOWN, price <= budget_won).astype(np.float32)
