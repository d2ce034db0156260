"""One generated answer and everything that is wrong with it, seen from outside. Pure.

Facts are judged by `language`, which shares nothing with the service's own check, and Korean by `korean`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from naviyam.catalog.store import Catalog
from naviyam.evaluation.korean import impolite, particle_errors, sentences
from naviyam.evaluation.language import Asked, Finding, Known, check_answer
from naviyam.evaluation.said import menu_prices
from naviyam.evaluation.written import WrittenAnswer

_LIMIT_KINDS = ("alcohol", "stigma word", "too many emoji")
_NO_FACTS = {*_LIMIT_KINDS, "no Korean text", "broken characters"}
"""Findings that are not about facts; counted on their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One answer and everything that is wrong with it; `draft_findings` is what was wrong before the check."""

    answer: WrittenAnswer
    findings: tuple[Finding, ...]
    draft_findings: tuple[Finding, ...]
    particles: tuple[str, ...]
    impolite: tuple[str, ...]
    sentences: int
    names: tuple[str, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The answer as the child reads it."""
        return str(self.answer.answer["response"])

    @property
    def shops(self) -> Sequence[Mapping[str, Any]]:
        """The shops that were shown."""
        shown: Sequence[Mapping[str, Any]] = self.answer.answer["recommendations"]
        return shown

    @property
    def wrong_facts(self) -> tuple[Finding, ...]:
        """Findings about facts."""
        return tuple(f for f in self.findings if f.kind not in _NO_FACTS)


def judge(
    answers: Iterable[WrittenAnswer], catalog: Catalog, *, limit_won: int
) -> tuple[Judged, ...]:
    """Judge the answers that a writer wrote; those of a conversation must follow each other, fixed ones included."""
    judged: list[Judged] = []
    earlier: list[Mapping[str, Any]] = []
    talk = None
    for answer in answers:
        if answer.talk != talk:
            talk, earlier = answer.talk, []
        if answer.generated:
            judged.append(_judge(answer, tuple(earlier), catalog, limit_won))
        earlier += answer.answer["recommendations"]
    return tuple(judged)


def _judge(
    answer: WrittenAnswer,
    earlier: tuple[Mapping[str, Any], ...],
    catalog: Catalog,
    limit_won: int,
) -> Judged:
    shown = answer.answer["recommendations"]
    known = Known(
        shops={s["shop_id"]: _page(catalog, s["shop_id"]) for s in (*shown, *earlier)},
        names=(),
        limit_won=limit_won,
    )
    text = str(answer.answer["response"])
    asked = Asked(
        message=answer.message,
        budget_won=_budget(answer),
        open_now=answer.open_now,
        card=answer.card,
        earlier=earlier,
    )
    found = list(check_answer(asked, answer.answer, known))
    if "open_now:unknown" in answer.answer["metadata"]["relaxed"]:
        found = [f for f in found if f.kind != "closed shop shown"]
    found += _unknown_shops(text, shown, earlier, catalog)
    before = check_answer(asked, {**answer.answer, "response": answer.draft}, known)
    about_shops = set(check_answer(asked, {**answer.answer, "response": "가나다라마"}, known))
    names = tuple(
        {s["name"] for s in (*shown, *earlier)} | {m["name"] for s in shown for m in s["menus"]}
    )
    prices = tuple(f"{p:,}원" for p in menu_prices(shown))
    return Judged(
        answer=answer,
        findings=tuple(found),
        draft_findings=tuple(
            f for f in before if f not in about_shops and f.kind not in _NO_FACTS
        ) if answer.draft else (),
        particles=tuple(particle_errors(text, (*names, *prices))),
        impolite=tuple(impolite(text, names)),
        sentences=len(sentences(text, names)),
        names=names,
    )  # fmt: skip


def _budget(answer: WrittenAnswer) -> int | None:
    """Return the money that was said, unless the answer says that it had to go above it."""
    relaxed = answer.answer["metadata"]["relaxed"]
    return None if any(r.startswith("budget_max") for r in relaxed) else answer.budget_won


def _unknown_shops(
    text: str,
    shown: Sequence[Mapping[str, Any]],
    earlier: Sequence[Mapping[str, Any]],
    catalog: Catalog,
) -> list[Finding]:
    """Look for names of other shops of the catalogue, by the words of the text: 5,000 names are no loop."""
    for s in (*shown, *earlier):
        for told in (s["name"], s["address"], *(m["name"] for m in s["menus"])):
            text = text.replace(told, "|")
    return [
        Finding(kind="unknown shop named", detail=word)
        for word in {w.strip(".,:!?") for w in text.split()}
        if len(word) >= 4 and word in _names(catalog)
    ]


@lru_cache(maxsize=2)
def _names(catalog: Catalog) -> frozenset[str]:
    return frozenset(catalog.names)


def _page(catalog: Catalog, shop_id: str) -> dict[str, Any]:
    """Return what `GET /shops/{id}` tells, read from the catalogue."""
    row = catalog.row_of[shop_id]
    shop = catalog.shop(row)
    menus = [
        {"name": m.name, "price_won": m.price_won, "discount_won": m.discount_won}
        for m in catalog.menus(row)
    ]
    return {
        "name": shop.name,
        "category": shop.category,
        "address": shop.address,
        "meal_card": shop.meal_card.value,
        "is_good_influence_shop": shop.is_good_influence_shop,
        "hours": shop.hours,
        "rating": shop.rating,
        "menus": menus,
    }
