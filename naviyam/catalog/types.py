"""Rows of the catalogue: shops, menus, opening hours. Plain frozen values; storage is in `store`."""

from dataclasses import dataclass
from enum import StrEnum


class MealCard(StrEnum):
    """Whether a child meal card works in a shop; unknown is not no, and not yes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """One thing on a shop's menu. `allergens` is None where nobody stated them."""

    menu_id: str
    shop_id: str
    name: str
    price_won: int
    description: str = ""
    discount_won: int = 0
    is_best: bool = False
    is_sold_out: bool = False
    allergens: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One shop. `hours` is the JSON text that `catalog.hours.parse_json` reads, "" where unknown."""

    shop_id: str
    name: str
    brand: str = ""
    category: str = "기타"
    """One of `request.CATEGORIES`: the main trade."""

    tags: tuple[str, ...] = ()
    """Every category the shop also fits, by its name and menus (a 한식 shop named ..통닭 is 치킨 too)."""

    address: str = ""
    sido: str = ""
    sigungu: str = ""
    dong: str = ""
    latitude: float | None = None
    longitude: float | None = None
    meal_card: MealCard = MealCard.UNKNOWN
    is_good_influence_shop: bool = False
    message: str = ""
    hours: str = ""
    rating: float | None = None
    review_count: int = 0
    order_count: int = 0
    favorite_count: int = 0
    view_count: int = 0
    serves_alcohol_mainly: bool = False
    source: str = ""
