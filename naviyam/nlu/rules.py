"""Stage 4's first layer: patterns and dictionaries. Pure after construction, well under 2 ms a message.

A filter is set by what was said and by nothing else; what the conversation adds is `resolve`'s.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from naviyam.conversation import Turns
from naviyam.nlu.choose import chosen, named
from naviyam.nlu.food import find_food
from naviyam.nlu.intents import (
    Findings,
    decide,
    opens_with_refinement,
    ordinal,
    refinement,
)
from naviyam.nlu.phrases import POINTING, REFINE
from naviyam.nlu.places import PlaceFinder, narrowest
from naviyam.nlu.query import semantic_query
from naviyam.nlu.shops import ShopFinder
from naviyam.nlu.spans import ANY_MEANS, Span, overlaps
from naviyam.nlu.wishes import find_wishes
from naviyam.request import Entity, Filters, Intent, Understanding
from naviyam.safety.screen import InputKind, InputVerdict, screen_input
from naviyam.text.clean import Cleaned, normalise
from naviyam.text.emotion import emotion
from naviyam.text.morphemes import keywords, respaced

_SAFETY_INTENTS: Mapping[InputKind, Intent] = {
    "rude": Intent.COMPLAINT,
    "sexual": Intent.OUT_OF_SCOPE,
    "violence": Intent.OUT_OF_SCOPE,
    "injection": Intent.OUT_OF_SCOPE,
    "adult": Intent.OUT_OF_SCOPE,
    "help": Intent.HELP_NEEDED,
    "self_harm": Intent.HELP_NEEDED,
}
_ABOUT_A_SHOP = frozenset(
    (Intent.SHOP_INQUIRY, Intent.MENU_INQUIRY, Intent.MEAL_CARD_INQUIRY, Intent.SELECT)
)
WITHOUT_FILTERS = frozenset(
    (Intent.GREETING, Intent.THANKS, Intent.OUT_OF_SCOPE, Intent.COMPLAINT, Intent.SELECT, Intent.SHOP_INQUIRY, Intent.HELP_NEEDED)
)  # fmt: skip
"""These wish for nothing new; what was said stays in the entities."""

_SINGLE = (
    "category", "food_type", "budget_max", "payment_method", "companion", "party_size",
    "time_of_day", "open_now", "atmosphere", "is_good_influence_shop", "sort",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that the finders saw in one message."""

    cleaned: Cleaned
    findings: Findings
    shop: Span | None
    rank: int | None
    """Of a shop of the last answer that is named, or chosen by its food."""

    at: tuple[int, int, int] | None
    """Rank, start and end of an ordinal."""

    pointing: re.Match[str] | None


class RuleUnderstander:
    """Understands by rules. `place_names` and `shop_names` are what this catalogue knows.

    >>> u = RuleUnderstander(["관악구"]).understand("급식카드 되는 치킨집 추천해줘", Turns())
    >>> u.intent.value, u.filters.to_dict(), u.keywords
    ('FOOD_RECOMMENDATION', {'category': '치킨', 'payment_method': 'meal_card'}, ('급식카드', '치킨집', '추천'))
    """

    def __init__(self, place_names: Collection[str], shop_names: Collection[str] = ()) -> None:
        self._places = PlaceFinder(place_names)
        self._shops = ShopFinder(shop_names)

    def understand(self, text: str, turns: Turns) -> Understanding:
        """Return intent, entities (offsets in `text`), filters as said, and a confidence in 0..1."""
        return self.guard(text) or self.express(self.read(text, turns), turns)

    def guard(self, text: str) -> Understanding | None:
        """Return the understanding of a message that safety answers, None for any other."""
        verdict = screen_input(text)
        return None if verdict.kind == "ok" else screened(text, verdict)

    def read(self, text: str, turns: Turns) -> Reading:
        """Return all that is found in a message, before anyone says what it wants."""
        typed = normalise(text)
        cleaned = respaced(typed)
        plain = cleaned.text
        places = self._places.find(plain)
        shop, rank = self._shop(plain, places, turns, respaced=cleaned is not typed)
        spans = _find(plain, places, shop)
        at = ordinal(plain, len(turns.last_shown))
        rank = rank or (None if at else chosen(plain, spans, turns.last_shown))
        pointing = POINTING.search(plain)
        findings = Findings(
            text=plain,
            spans=spans,
            shop=shop is not None,
            ordinal=at is not None,
            pointing=pointing is not None,
            chosen=rank is not None and shop is None,
            has_history=turns.last_understanding is not None or bool(turns.last_shown),
            refine=refinement(plain),
            refine_opens=opens_with_refinement(plain),
        )
        return Reading(
            cleaned=cleaned, findings=findings, shop=shop, rank=rank, at=at, pointing=pointing
        )

    def express(
        self, reading: Reading, turns: Turns, decided: Understanding | None = None
    ) -> Understanding:
        """Return what a reading means; with `decided` its intent, confidence and layer are taken in place of the rules'."""
        if decided is None:
            (intent, confidence), layer = decide(reading.findings), "rules"
        else:
            intent, confidence, layer = decided.intent, decided.confidence, decided.decided_by
        text, spans, shop = reading.cleaned.original, reading.findings.spans, reading.shop
        extra: list[Span] = [shop] if shop and intent in _ABOUT_A_SHOP else []
        selection: int | None = None
        if (
            intent in _ABOUT_A_SHOP
            and shop is None
            and (intent is not Intent.SELECT or not reading.rank)
        ):
            selection, where = _selected(reading.at, reading.pointing)
            extra += where
        elif intent is Intent.SELECT:
            selection = reading.rank or 0
        if intent is Intent.REFINE and reading.findings.refine:
            extra += _refine_span(reading.findings.text, reading.findings.refine)
        return Understanding(
            intent=intent,
            confidence=confidence,
            entities=_entities(reading.cleaned, (*spans, *extra)),
            filters=Filters() if intent in WITHOUT_FILTERS else _filters(spans),
            semantic_query=semantic_query(reading.findings.text, spans),
            keywords=keywords(text),
            emotion=emotion(text),
            decided_by=layer,
            selection=selection,
            shop_name=_name(shop, selection, turns) if intent in _ABOUT_A_SHOP else None,
        )

    def _shop(
        self, plain: str, places: tuple[Span, ...], turns: Turns, *, respaced: bool
    ) -> tuple[Span | None, int | None]:
        """A shop of the last answer may be called by its name alone, and has a rank; others need a question."""
        if hit := named(plain, turns.last_shown):
            rank, pattern = hit
            if m := re.search(pattern, plain):
                name = turns.last_shown[rank - 1].name
                return Span(key="shop_name", value=name, start=m.start(), end=m.end()), rank
        shop = self._shops.find(plain, places)
        if shop is None and respaced:
            shop = self._shops.rejoined(plain)
        return shop, None


def _find(plain: str, places: tuple[Span, ...], shop: Span | None) -> tuple[Span, ...]:
    """Return all wishes of a message, sorted; what lies within a shop's name is none."""
    named: list[Span] = [shop] if shop else []
    places = tuple(s for s in places if not overlaps(s.start, s.end, named))
    chosen = narrowest(places)
    wishes = [s for s in find_wishes(plain) if not overlaps(s.start, s.end, named)]
    cards = [s for s in wishes if s.key in ("payment_method", "is_good_influence_shop")]
    food = find_food(plain, [*named, *places, *cards])
    if any(s.key == "dietary" and s.value == "vegetarian" for s in wishes):
        food = tuple(s for s in food if s.value != "고기")
    kept = _without_clashes(wishes, food)
    spans = [*kept, *food, *([chosen] if chosen else [])]
    return tuple(sorted(spans, key=lambda s: (s.start, s.end, s.key)))


def screened(text: str, verdict: InputVerdict) -> Understanding:
    """Return the understanding of a message that a screen stopped; of a call for help it holds no word."""
    return Understanding(
        intent=_SAFETY_INTENTS[verdict.kind],
        confidence=1.0,
        keywords=() if verdict.help_kind is not None else keywords(text),
        emotion=emotion(text),
        decided_by="safety",
    )


def _without_clashes(wishes: list[Span], food: tuple[Span, ...]) -> list[Span]:
    """Drop what one word was read as twice: 중식 시간 as lunch and kitchen, 건강식 as diet and category."""
    kinds = [s for s in food if s.key in ("category", "food_type")]
    if any(s.value == "건강식" for s in kinds):
        wishes = [s for s in wishes if s.value != "healthy"]
    return [
        s
        for s in wishes
        if s.key not in ("dietary", "atmosphere", "time_of_day")
        or not overlaps(s.start, s.end, kinds)
    ]


def _selected(
    at: tuple[int, int, int] | None, pointing: re.Match[str] | None
) -> tuple[int | None, list[Span]]:
    if at:
        return at[0], [Span(key="selection", value=at[0], start=at[1], end=at[2])]
    if pointing:
        return 1, [Span(key="selection", value=1, start=pointing.start(), end=pointing.end())]
    return None, []


def _refine_span(plain: str, kind: str) -> list[Span]:
    found = (pattern.search(plain) for name, pattern in REFINE if name == kind)
    m = next((m for m in found if m), None)
    if m is None:
        return []
    said = m.group()
    start = m.start() + len(said) - len(said.lstrip())
    return [Span(key="refine", value=kind, start=start, end=m.start() + len(said.rstrip()))]


def _name(shop: Span | None, selection: int | None, turns: Turns) -> str | None:
    if shop:
        return str(shop.value)
    if selection and selection <= len(turns.last_shown):
        return turns.last_shown[selection - 1].name
    return None


def _filters(spans: tuple[Span, ...]) -> Filters:
    single: dict[str, object] = {}
    dietary: dict[str, None] = {}
    exclude: dict[str, None] = {}
    for span in spans:
        if span.negated and span.key in ("category", "food_type", "ingredient"):
            exclude.setdefault(span.value)
        elif span.key == "dietary":
            dietary.setdefault(span.value)
        elif not span.negated and (span.key == "location" or span.key in _SINGLE):
            single.setdefault(span.key, span.value)
    return Filters.from_dict({**single, "dietary": tuple(dietary), "exclude": tuple(exclude)})


def _entities(cleaned: Cleaned, spans: tuple[Span, ...]) -> tuple[Entity, ...]:
    out = []
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.key)):
        start, end = cleaned.to_original(span.start, span.end)
        name, value = ("exclude" if span.negated else span.key), span.value
        if span.negated and span.key == "payment_method":
            name, value = span.key, ANY_MEANS
        out.append(Entity(entity=name, value=value, start=start, end=end))
    return tuple(out)
