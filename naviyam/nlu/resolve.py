"""Merges a follow-up onto what the conversation holds. Pure.

`understanding.filters` going in is what was said; coming out it is the effective wish. Refuses to
read the text again: how a wish is refined is the entity `refine`.
"""

from dataclasses import replace

from naviyam.conversation import Turns
from naviyam.nlu.spans import ANY_MEANS
from naviyam.request import ALLERGY_PREFIX, Filters, Intent, Understanding

SEARCHING = frozenset(
    (
        Intent.FOOD_RECOMMENDATION,
        Intent.BUDGET_FOOD_INQUIRY,
        Intent.NEARBY_INQUIRY,
        Intent.OPEN_NOW_INQUIRY,
        Intent.GOOD_SHOP_INQUIRY,
        Intent.MEAL_CARD_INQUIRY,
    )
)
_STEP_WON = 100


def resolve(understanding: Understanding, turns: Turns) -> Understanding:
    """Return the understanding with the effective wish.

    REFINE builds on `turns.filters`: cheaper puts `budget_max` under the cheapest price shown,
    nearer sorts by distance, a new food replaces the old one, an excluded one is dropped. A new
    search keeps what is a fact about the child: the allergies said before (they are hard), the card unless it is said
    not to matter, and the place last named; the question what is open keeps the money too.
    """
    if understanding.intent is Intent.REFINE:
        return _refined(understanding, turns)
    if understanding.intent is Intent.SELECT:
        return _selected(understanding, turns)
    if understanding.intent in SEARCHING:
        carried = _carried(understanding.filters, turns)
        if not _pays_otherwise(understanding):
            carried = replace(
                carried, payment_method=carried.payment_method or turns.filters.payment_method
            )
        if understanding.intent is Intent.OPEN_NOW_INQUIRY:
            carried = replace(carried, budget_max=carried.budget_max or turns.filters.budget_max)
        return replace(understanding, filters=carried)
    return understanding


def shops_to_exclude(understanding: Understanding, turns: Turns) -> tuple[str, ...]:
    """Return the ids of shops that must not come again: those shown since the wish began."""
    if understanding.intent is not Intent.REFINE or refine_kind(understanding) == "wish":
        return ()
    shown = (*turns.shown_before, *(r.shop_id for r in turns.last_shown))
    return tuple(dict.fromkeys(shown))


def refine_kind(understanding: Understanding) -> str | None:
    """Return cheaper, nearer, elsewhere or wish for a REFINE, None for anything else."""
    return next((str(e.value) for e in understanding.entities if e.entity == "refine"), None)


def _refined(understanding: Understanding, turns: Turns) -> Understanding:
    said, old = understanding.filters, turns.filters
    if _pays_otherwise(understanding):
        old = replace(old, payment_method=None)
    if said.category or said.food_type:
        old = replace(old, category=None, food_type=None)
        wanted = {said.category, said.food_type}
        old = replace(old, exclude=tuple(x for x in old.exclude if x not in wanted))
    if old.category in said.exclude:
        old = replace(old, category=None)
    if old.food_type in said.exclude:
        old = replace(old, food_type=None)
    merged = said.merged_over(old)
    kind = refine_kind(understanding)
    if kind == "cheaper":
        merged = replace(merged, sort="cheapest")
        cheapest = _cheapest_shown(turns)
        if said.budget_max is None and cheapest is not None:
            merged = replace(merged, budget_max=max(_STEP_WON, cheapest - _STEP_WON))
    elif kind == "nearer":
        merged = replace(merged, sort="nearest")
    before = turns.last_understanding
    query = understanding.semantic_query
    if not query and before is not None and (merged.category, merged.food_type) != (None, None):
        query = before.semantic_query
    return replace(understanding, filters=merged, semantic_query=query)


def _selected(understanding: Understanding, turns: Turns) -> Understanding:
    """Fill in the shop's name; "아까 그 치킨집" prefers the shown shop that fits the food said."""
    rank = understanding.selection
    foods = [str(e.value) for e in understanding.entities if e.entity in ("category", "food_type")]
    pointed = any(e.entity == "selection" for e in understanding.entities)
    if rank == 1 and pointed and foods:
        for shown in turns.last_shown:
            words = (shown.category, shown.name, *(m.name for m in shown.menus))
            if any(food in word for food in foods for word in words):
                rank = shown.rank
                break
    name = understanding.shop_name
    if rank:
        name = next((r.name for r in turns.last_shown if r.rank == rank), name)
    return replace(understanding, selection=rank, shop_name=name)


def _carried(said: Filters, turns: Turns) -> Filters:
    allergies = tuple(
        d for d in turns.filters.dietary if d.startswith(ALLERGY_PREFIX) and d not in said.dietary
    )
    location = said.location
    if location is None and turns.place:
        location = turns.place
    return replace(said, dietary=(*said.dietary, *allergies), location=location)


def _pays_otherwise(understanding: Understanding) -> bool:
    return any(
        e.entity == "payment_method" and e.value == ANY_MEANS for e in understanding.entities
    )


def _cheapest_shown(turns: Turns) -> int | None:
    prices = [m.price_won for r in turns.last_shown for m in r.menus if m.price_won > 0]
    return min(prices, default=None)
