"""The nouns of one request, shared by every stage: context, filters, understanding, profile.

Spec 7 fixes the names and values. No I/O and no behaviour beyond conversion and merging.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from naviyam.errors import InputError

CATEGORIES = (
    "한식", "분식", "중식", "일식", "양식", "치킨", "피자", "패스트푸드",
    "카페", "베이커리", "건강식", "고기", "편의점", "기타",
)  # fmt: skip
TIMES_OF_DAY = ("breakfast", "lunch", "after_school", "dinner", "late_night")
COMPANIONS = ("family", "friend", "alone", "group")
SORTS = ("cheapest", "nearest", "popular", "highest_rated")
DIETARY = ("healthy", "not_spicy", "vegetarian")
ALLERGY_PREFIX = "allergy:"
RELATIVE_PLACES = ("near_me", "near_school", "near_home")


class Intent(StrEnum):
    """What a message wants (spec 2, stage 4)."""

    FOOD_RECOMMENDATION = "FOOD_RECOMMENDATION"
    BUDGET_FOOD_INQUIRY = "BUDGET_FOOD_INQUIRY"
    NEARBY_INQUIRY = "NEARBY_INQUIRY"
    OPEN_NOW_INQUIRY = "OPEN_NOW_INQUIRY"
    MENU_INQUIRY = "MENU_INQUIRY"
    SHOP_INQUIRY = "SHOP_INQUIRY"
    MEAL_CARD_INQUIRY = "MEAL_CARD_INQUIRY"
    GOOD_SHOP_INQUIRY = "GOOD_SHOP_INQUIRY"
    REFINE = "REFINE"
    SELECT = "SELECT"
    GREETING = "GREETING"
    THANKS = "THANKS"
    COMPLAINT = "COMPLAINT"
    HELP_NEEDED = "HELP_NEEDED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"


class Emotion(StrEnum):
    """How the child sounds."""

    POSITIVE = "POSITIVE"
    NEUTRAL = "NEUTRAL"
    NEGATIVE = "NEGATIVE"
    HUNGRY = "HUNGRY"
    TIRED = "TIRED"
    UPSET = "UPSET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A span of the original text; `text[start:end]` is what was said, `value` what it means."""

    entity: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the child asked for. A field is set by what was said and by nothing else."""

    category: str | None = None
    food_type: str | None = None
    budget_max: int | None = None
    payment_method: str | None = None
    companion: str | None = None
    party_size: int | None = None
    time_of_day: str | None = None
    open_now: bool | None = None
    location: str | None = None
    dietary: tuple[str, ...] = ()
    atmosphere: str | None = None
    is_good_influence_shop: bool | None = None
    exclude: tuple[str, ...] = ()
    sort: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the filters that are set, lists for tuples (spec 7's JSON)."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {k: list(v) if isinstance(v, tuple) else v for k, v in pairs if v not in (None, ())}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from JSON.

        Raises:
            InputError: a key or value that spec 7 does not know, by name.
        """
        known = {f.name for f in fields(cls)}
        for key in values:
            if key not in known:
                raise InputError(
                    f"unknown filter {key!r}; known: {sorted(known)}", field=f"filters.{key}"
                )
        for key, allowed in (
            ("category", CATEGORIES),
            ("time_of_day", TIMES_OF_DAY),
            ("companion", COMPANIONS),
            ("sort", SORTS),
            ("payment_method", ("meal_card",)),
        ):
            if values.get(key) is not None and values[key] not in allowed:
                raise InputError(
                    f"filters.{key} is {values[key]!r}; it must be one of {list(allowed)}",
                    field=f"filters.{key}",
                )
        for key in ("budget_max", "party_size"):
            number = values.get(key)
            if number is not None and (type(number) is not int or not 0 < number <= 10_000_000):
                raise InputError(
                    f"filters.{key} is {number!r}; it must be a positive whole number",
                    field=f"filters.{key}",
                )
        for key in ("open_now", "is_good_influence_shop"):
            if values.get(key) is not None and type(values[key]) is not bool:
                raise InputError(
                    f"filters.{key} is {values[key]!r}; it must be true or false",
                    field=f"filters.{key}",
                )
        for key in ("food_type", "location", "atmosphere"):
            if values.get(key) is not None and not isinstance(values[key], str):
                raise InputError(f"filters.{key} must be text", field=f"filters.{key}")
        converted = dict(values)
        for key in ("dietary", "exclude"):
            items = converted.get(key)
            if items is None:
                converted[key] = ()
            elif isinstance(items, list | tuple) and all(isinstance(i, str) for i in items):
                converted[key] = tuple(items)
            else:
                raise InputError(f"filters.{key} must be a list of texts", field=f"filters.{key}")
        for item in converted["dietary"]:
            if item not in DIETARY and not item.startswith(ALLERGY_PREFIX):
                raise InputError(
                    f"filters.dietary holds {item!r}; use {list(DIETARY)} or allergy:<food>",
                    field="filters.dietary",
                )
        return cls(**converted)

    def merged_over(self, older: "Filters") -> "Filters":
        """Return `older` with every field that is set here put over it; lists are united in order."""
        changes: dict[str, Any] = {}
        for f in fields(self):
            mine = getattr(self, f.name)
            if isinstance(mine, tuple):
                old = getattr(older, f.name)
                changes[f.name] = old + tuple(x for x in mine if x not in old)
            elif mine is not None:
                changes[f.name] = mine
        return replace(older, **changes)

    @property
    def allergies(self) -> tuple[str, ...]:
        """The foods that must not be served, without their prefix."""
        n = len(ALLERGY_PREFIX)
        return tuple(d[n:] for d in self.dietary if d.startswith(ALLERGY_PREFIX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """Stage 4's answer. `decided_by` names the layer: rules, classifier, llm, safety or memory."""

    intent: Intent
    confidence: float
    entities: tuple[Entity, ...] = ()
    filters: Filters = field(default_factory=Filters)
    semantic_query: str = ""
    keywords: tuple[str, ...] = ()
    emotion: Emotion = Emotion.NEUTRAL
    decided_by: str = "rules"
    selection: int | None = None
    """For SELECT: 1-based rank of the shop of the last answer; 0 when a shop is meant by name."""

    shop_name: str | None = None
    """For SHOP_INQUIRY, MENU_INQUIRY, MEAL_CARD_INQUIRY, SELECT: the shop's name as said."""

    def to_dict(self) -> dict[str, Any]:
        """Return spec 7's `Understanding` JSON."""
        return {
            "intent": self.intent.value,
            "confidence": round(self.confidence, 4),
            "entities": [
                {"entity": e.entity, "value": e.value, "start": e.start, "end": e.end}
                for e in self.entities
            ],
            "filters": self.filters.to_dict(),
            "semantic_query": self.semantic_query,
            "keywords": list(self.keywords),
            "emotion": self.emotion.value,
            "decided_by": self.decided_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Where and when the child asks. `time` is aware; coordinates are WGS84 degrees."""

    time: datetime
    latitude: float | None = None
    longitude: float | None = None
    district: str | None = None
    municipality: str | None = None
    simulated: bool = False
    """Asked by a simulated child: the log says so, and so do the cards of what is learned from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """What personalisation may use. `user_id` is a pseudonym; without consent all else is empty."""

    user_id: str
    age: int | None = None
    district: str | None = None
    """시군구 name as in the catalogue, such as 춘천시."""
    budget_won: int | None = None
    favorite_categories: tuple[str, ...] = ()
    dietary: tuple[str, ...] = ()
    consent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A resolved location: a point and the radius within which "there" lies, both may be None."""

    name: str
    latitude: float
    longitude: float
    radius_m: float
    level: str
    """sido, sigungu, dong, station, or point (coordinates given with the request)."""
