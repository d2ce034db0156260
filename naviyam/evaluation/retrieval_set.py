"""The labelled queries of retrieval: what was asked, what it implies, and which shops answer it how well.

A label is a rule over a shop's own facts (its name, menus, kinds, place), so that the set holds no shop data and
grades any catalogue. A shop's grade is the highest of the rules it meets: 2 what was asked, 1 would do, 0 neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import MEAL_CARD_CODES, Catalog
from naviyam.catalog.types import MealCard
from naviyam.errors import InputError
from naviyam.evaluation.labelled import load_set
from naviyam.request import Filters
from naviyam.retrieval.filters import food_table, tagged
from naviyam.text.clean import squash

NAME = "retrieval_queries"
_FACTS = frozenset(("grade", "food", "menu", "name", "kind", "not"))
_MUST = frozenset(("place", "max_won", "card"))

Mask = npt.NDArray[np.bool_]
Grades = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A shop meets it that has one of `food` (in its name or a menu), of `menu`, of `name` and of `kind`, and no `no`."""

    grade: int
    food: tuple[str, ...] = ()
    menu: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledQuery:
    """`text` as a child writes it; `query` and `filters` what stage 4 should make of it."""

    id: str
    kind: str
    split: str
    text: str
    query: str
    filters: Filters
    rules: tuple[Rule, ...]
    place: tuple[str, ...] = ()
    """A relevant shop's address names one of these."""

    max_won: int | None = None
    card: bool = False


def load_queries() -> tuple[tuple[LabelledQuery, ...], str]:
    """Return the queries and the set's version."""
    found = load_set(NAME)
    return tuple(read_query(record) for record in found.records), found.version


def grades(query: LabelledQuery, catalog: Catalog) -> Grades:
    """Return each shop's grade int8 [n]; a shop that mainly sells alcohol has 0."""
    out = np.zeros(catalog.size, np.int8)
    for rule in query.rules:
        met = _meets(rule, query.max_won, catalog)
        out[met] = np.maximum(out[met], rule.grade)
    out[~_allowed(query, catalog)] = 0
    return out


def _meets(rule: Rule, max_won: int | None, catalog: Catalog) -> Mask:
    foods = food_table(catalog)
    out = np.ones(catalog.size, np.bool_)
    affordable = foods.available & (foods.price > 0) & (foods.price <= (max_won or 2**30))
    lines = np.ones(len(foods.row), np.bool_)
    for needles, among in (
        (rule.food, lines), (rule.menu, ~foods.is_name), (rule.name, foods.is_name),
    ):  # fmt: skip
        if needles:
            hit = np.zeros(len(foods.row), np.bool_)
            hit[foods.find([squash(needle) for needle in needles])] = True
            hit &= among
            out &= foods.shops(hit if max_won is None else hit & affordable)
    if rule.kind:
        out &= tagged(catalog, rule.kind)
        if max_won is not None:
            out &= foods.shops(affordable)
    if rule.no:
        out &= ~foods.shops(foods.find([squash(needle) for needle in rule.no]))
    return out


def _allowed(query: LabelledQuery, catalog: Catalog) -> Mask:
    out = ~catalog.alcohol
    if query.card:
        out &= catalog.meal_card == MEAL_CARD_CODES.index(MealCard.YES)
    if query.place:
        where = [catalog.shop(row) for row in range(catalog.size)]
        names = [f"{shop.sido} {shop.sigungu} {shop.dong}" for shop in where]
        out &= np.array([any(place in name for place in query.place) for name in names], np.bool_)
    return out


def read_query(record: Mapping[str, Any]) -> LabelledQuery:
    """Return a record of the set as a query.

    Raises:
        InputError: it holds a key that no rule or wish knows.
    """
    must = record.get("must", {})
    if unknown := set(must) - _MUST:
        raise InputError(f"{record['id']}: must holds {sorted(unknown)}; it knows {sorted(_MUST)}")
    return LabelledQuery(
        id=record["id"],
        kind=record["kind"],
        split=record["split"],
        text=record["text"],
        query=record["query"],
        filters=Filters.from_dict(record.get("filters", {})),
        rules=tuple(_rule(record["id"], rule) for rule in record["relevant"]),
        place=tuple(must.get("place", ())),
        max_won=must.get("max_won"),
        card=bool(must.get("card", False)),
    )


def _rule(name: str, values: Mapping[str, Any]) -> Rule:
    if unknown := set(values) - _FACTS:
        raise InputError(f"{name}: a rule holds {sorted(unknown)}; it knows {sorted(_FACTS)}")
    facts = {k: tuple(values.get(k, ())) for k in ("food", "menu", "name", "kind")}
    return Rule(grade=values["grade"], no=tuple(values.get("not", ())), **facts)
