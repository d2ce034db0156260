"""The HTTP models of spec 7: strict, unknown fields refused, and their way into the domain's types."""

import math
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from naviyam.catalog.store import Catalog
from naviyam.clock import SEOUL, Clock
from naviyam.errors import InputError
from naviyam.ids import ID_PATTERN
from naviyam.request import CATEGORIES, Filters, RequestContext, UserProfile

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
MAX_QUERY_CHARS = 500


def _checked_id(value: Any) -> Any:
    if isinstance(value, str) and (not ID_PATTERN.fullmatch(value) or value.startswith(".")):
        raise ValueError("an id is 1 to 128 of A-Z a-z 0-9 . _ : @ -")
    return value


def _checked_text(value: Any) -> Any:
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise ValueError("the text holds control characters; send plain text")
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise ValueError("the text holds half a surrogate pair; send valid UTF-8")
        if not value.strip():
            raise ValueError("the text is empty; write what you want to eat")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the number is not finite")
    return value


def _time(value: Any) -> Any:
    """Take ISO 8601 text, also in strict mode; a time without a zone is Korean time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as e:
            raise ValueError("the time is not ISO 8601, such as 2026-11-21T18:30:00+09:00") from e
    if not isinstance(value, datetime):
        raise ValueError("the time must be ISO 8601 text")
    if value.tzinfo is None:
        value = value.replace(tzinfo=SEOUL)
    if not 2000 <= value.year <= 2100:
        raise ValueError("the time must lie between 2000 and 2100")
    return value


Id = Annotated[str, BeforeValidator(_checked_id)]
Text = Annotated[str, BeforeValidator(_checked_text)]
Time = Annotated[datetime, BeforeValidator(_time)]
Name = Annotated[str, BeforeValidator(_checked_text), Field(max_length=80)]
Latitude = Annotated[float, BeforeValidator(_finite), Field(ge=-90, le=90)]
Longitude = Annotated[float, BeforeValidator(_finite), Field(ge=-180, le=180)]


class Model(BaseModel):
    """Base: strict types, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Context(Model):
    """Where and when. Coordinates come in pairs; `simulated` marks what `naviyam simulate` causes."""

    latitude: Latitude | None = None
    longitude: Longitude | None = None
    district: Name | None = None
    time: Time | None = None
    municipality: Name | None = None
    simulated: bool = False

    @model_validator(mode="after")
    def _pair(self) -> "Context":
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together; send both or none")
        return self

    def to_domain(self, now: datetime) -> RequestContext:
        """Return the domain's context; the time of arrival where none was sent."""
        return RequestContext(
            time=self.time or now,
            latitude=self.latitude,
            longitude=self.longitude,
            district=self.district,
            municipality=self.municipality,
            simulated=self.simulated,
        )


class ChatRequest(Model):
    """POST /chat."""

    user_id: Id
    message: Text
    session_id: Id | None = None
    context: Context = Context()


class UnderstandingIn(Model):
    """An understanding as a caller may send it; only filters and the query matter."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    filters: dict[str, Any] = Field(default_factory=dict)
    semantic_query: str = Field("", max_length=MAX_QUERY_CHARS)

    @field_validator("filters")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        parse_filters(value)
        return value


class ProfileIn(Model):
    """What a user may tell about themselves; PUT replaces all of it."""

    age: int | None = Field(None, ge=0, le=120)
    district: Name | None = None
    budget_won: int | None = Field(None, gt=0, le=1_000_000)
    favorite_categories: list[str] = Field(default_factory=list, max_length=14)
    dietary: list[str] = Field(default_factory=list, max_length=20)
    consent: bool = True

    @field_validator("favorite_categories")
    @classmethod
    def _categories(cls, value: list[str]) -> list[str]:
        unknown = [v for v in value if v not in CATEGORIES]
        if unknown:
            raise ValueError(f"unknown category {unknown[0][:40]!r}; use {list(CATEGORIES)}")
        return value

    @field_validator("dietary")
    @classmethod
    def _dietary(cls, value: list[str]) -> list[str]:
        if any(len(v) > 40 for v in value):
            raise ValueError("an entry is longer than 40 characters")
        parse_filters({"dietary": value})
        return value

    def to_domain(self, user_id: str) -> UserProfile:
        """Return the profile under a pseudonym; without consent nothing but that is kept."""
        if not self.consent:
            return UserProfile(user_id=user_id, consent=False)
        return UserProfile(
            user_id=user_id,
            age=self.age,
            district=self.district,
            budget_won=self.budget_won,
            favorite_categories=tuple(self.favorite_categories),
            dietary=tuple(self.dietary),
        )


class RecommendRequest(Model):
    """POST /recommendations: a query, an understanding, or both."""

    user_id: Id
    query: Annotated[Text, Field(max_length=MAX_QUERY_CHARS)] | None = None
    understanding: UnderstandingIn | None = None
    user_profile: ProfileIn | None = None
    context: Context = Context()
    top_k: int = Field(10, ge=1, le=20)
    exclude: list[Id] = Field(default_factory=list, max_length=200)

    @model_validator(mode="after")
    def _one_of(self) -> "RecommendRequest":
        if self.query is None and self.understanding is None:
            raise ValueError("query or understanding is needed")
        return self


class UnderstandRequest(Model):
    """POST /understand."""

    text: Text
    user_id: Id | None = None
    session_id: Id | None = None


class FeedbackRequest(Model):
    """POST /feedback."""

    user_id: Id
    shop_id: Id
    feedback_type: Literal["clicked", "ordered", "favorited", "rated"]
    interaction_id: Id | None = None
    satisfaction_score: float | None = Field(None, ge=1, le=5)
    review_text: Annotated[Text, Field(max_length=2_000)] | None = None
    order_amount_won: int | None = Field(None, ge=0, le=10_000_000)
    actual_visit: bool | None = None
    timestamp: Time | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    simulated: bool = False


def parse_filters(values: dict[str, Any]) -> Filters:
    """Return filters; an unknown key or value is a `ValueError` that names it."""
    try:
        return Filters.from_dict(values)
    except InputError as e:
        raise ValueError(str(e)) from e


def profile_out(user_id: str, profile: UserProfile | None) -> dict[str, Any]:
    """Return GET /users/{id}: the caller's own id, never the pseudonym."""
    p = profile or UserProfile(user_id="")
    return {
        "user_id": user_id,
        "profile": {
            "age": p.age,
            "district": p.district,
            "budget_won": p.budget_won,
            "favorite_categories": list(p.favorite_categories),
            "dietary": list(p.dietary),
        },
        "consent": p.consent,
    }


def shop_out(catalog: Catalog, row: int, clock: Clock) -> dict[str, Any]:
    """Return GET /shops/{id}; what is unknown is null."""
    shop, context = catalog.shop(row), RequestContext(time=clock.now())
    code = int(catalog.open_now(context.time)[row])
    return {
        "shop_id": shop.shop_id,
        "name": shop.name,
        "brand": shop.brand or None,
        "category": shop.category,
        "address": shop.address,
        "district": shop.sigungu or None,
        "dong": shop.dong or None,
        "latitude": shop.latitude,
        "longitude": shop.longitude,
        "meal_card": shop.meal_card.value,
        "is_good_influence_shop": shop.is_good_influence_shop,
        "message": shop.message or None,
        "open_now": None if code < 0 else bool(code),
        "open_until": catalog.closes_at(row, context.time) if code == 1 else None,
        "rating": shop.rating,
        "review_count": shop.review_count,
        "menus": [
            {
                "name": m.name,
                "price_won": m.price_won if m.price_won > 0 else None,
                "is_best": m.is_best,
                "is_sold_out": m.is_sold_out,
            }
            for m in catalog.menus(row)
        ],
    }
