"""What is shown of a shop: spec 7's recommendation, the only facts a text may state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMenu:
    """A menu as shown. `over_limit_won` is what the card does not pay, 0 where it pays all."""

    name: str
    price_won: int
    over_limit_won: int = 0
    discount_won: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return spec 7's JSON; what is left to pay above the card's limit only where there is something left."""
        out: dict[str, Any] = {"name": self.name, "price_won": self.price_won}
        if self.over_limit_won:
            out["over_limit_won"] = self.over_limit_won
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One shop of an answer. None means unknown, and a text must say so or say nothing."""

    rank: int
    shop_id: str
    name: str
    category: str
    address: str
    menus: tuple[ShownMenu, ...] = ()
    meal_card: str = "unknown"
    is_good_influence_shop: bool = False
    distance_m: int | None = None
    walk_minutes: int | None = None
    open_now: bool | None = None
    open_until: str | None = None
    """Closing time today as HH:MM when it is open now and the hours are known."""

    rating: float | None = None
    score: float = 0.0
    funnels: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return spec 7's JSON; optional keys that are unknown are left out."""
        out: dict[str, Any] = {
            "rank": self.rank,
            "shop_id": self.shop_id,
            "name": self.name,
            "category": self.category,
            "address": self.address,
            "menus": [m.to_dict() for m in self.menus],
            "meal_card": self.meal_card,
            "is_good_influence_shop": self.is_good_influence_shop,
            "score": round(self.score, 6),
            "funnels": {k: round(v, 6) for k, v in self.funnels.items()},
            "reasons": list(self.reasons),
        }
        for key in ("distance_m", "walk_minutes", "open_now"):
            value = getattr(self, key)
            if value is not None:
                out[key] = value
        return out
