"""What the app's workbook holds: its sheets and columns by the app's own names, which are read and which are not."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetSchema:
    """`read` maps the app's column to its other spellings; `required` must be there; `unused` is known, not read."""

    read: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def find(self, columns: tuple[str, ...]) -> dict[str, int]:
        """Return where each column that is read stands, by the app's name."""
        place = {plain(c): i for i, c in reversed(list(enumerate(columns)))}
        found: dict[str, int] = {}
        for name, others in self.read.items():
            hit = next((place[plain(n)] for n in (name, *others) if plain(n) in place), None)
            if hit is not None:
                found[name] = hit
        return found

    def is_unused(self, column: str) -> bool:
        """Tell whether the column is known and has no use here."""
        return plain(column) in {plain(c) for c in self.unused}


def plain(name: str) -> str:
    """Return a column name without case, spaces and underscores, so that shop_name finds shopName."""
    return name.lower().replace("_", "").replace(" ", "")


_WHEN = ("created_at", "date")
_USER, _SHOP = ("user",), ("shop",)
_BOOKKEEPING = ("id", "createdAt", "updatedAt", "deletedAt")

SCHEMAS: dict[str, SheetSchema] = {
    "shop": SheetSchema(
        read={
            "id": ("shopId",), "shopName": ("name",), "brandId": ("brand",), "category": ("categoryId",),
            "address": ("roadAddress",), "sido": (), "sigungu": (), "dong": (), "districtId": (),
            "latitude": ("lat",), "longitude": ("lng", "lon"), "isMealCard": ("mealCard", "acceptsMealCard"),
            "isGoodInfluenceShop": ("goodInfluence",), "message": ("ownerMessage",), "openHour": ("openingHours",),
            "closedDays": ("holiday",), "rating": (), "reviewCount": (), "orderCount": (), "favoriteCount": (),
            "viewCount": (), "source": (),
        },
        required=("id", "shopName"),
        unused=("phone", "imageUrl", "createdAt", "updatedAt"),
    ),
    "menu": SheetSchema(
        read={
            "id": ("menuId",), "shopId": _SHOP, "name": ("menuName",), "price": ("menuPrice",), "description": (),
            "isBest": (), "discountValue": ("discount",), "isSoldOut": ("soldOut",), "allergens": ("allergen",),
        },
        required=("shopId", "name", "price"),
        unused=("imageUrl", "createdAt", "updatedAt", "displayOrder"),
    ),
    "brand": SheetSchema(read={"id": ("brandId",), "brandName": ("name",)}, unused=_BOOKKEEPING),
    "category": SheetSchema(read={"id": ("categoryId",), "categoryName": ("name",)}, unused=("sortOrder",)),
    "district": SheetSchema(
        read={"id": ("districtId",), "sido": (), "sigungu": (), "dong": ()}, unused=("latitude", "longitude")
    ),
    "opening_hours": SheetSchema(
        read={
            "shopId": _SHOP, "dayOfWeek": ("day",), "openTime": (), "closeTime": (), "breakStart": (),
            "breakEnd": (), "isClosed": (),
        },
        unused=_BOOKKEEPING,
    ),
    "shop_tag": SheetSchema(read={"shopId": _SHOP, "tag": ()}, unused=_BOOKKEEPING),
    "user": SheetSchema(
        read={
            "id": ("userId",), "age": (), "district": ("sigungu",), "budget": (), "favoriteCategories": (),
            "dietary": (), "consent": (),
        },
        unused=("nickname", "createdAt", "grade"),
    ),
    "userfavorite": SheetSchema(read={"userId": _USER, "shopId": _SHOP, "createdAt": _WHEN}, unused=_BOOKKEEPING),
    "product_order": SheetSchema(
        read={"userId": _USER, "shopId": _SHOP, "totalPrice": ("price",), "createdAt": _WHEN, "status": ()},
        unused=("id", "menuId", "quantity"),
    ),
    "review": SheetSchema(
        read={"userId": _USER, "shopId": _SHOP, "rating": ("score",), "createdAt": _WHEN},
        unused=("id", "content"),
    ),
    "shop_view": SheetSchema(read={"userId": _USER, "shopId": _SHOP, "createdAt": _WHEN}, unused=_BOOKKEEPING),
    "shop_click": SheetSchema(read={"userId": _USER, "shopId": _SHOP, "createdAt": _WHEN}, unused=_BOOKKEEPING),
    "dataset_info": SheetSchema(read={"key": (), "value": ()}),
}  # fmt: skip
"""The sheets that are read."""

REQUIRED_SHEETS = ("shop", "menu")
UNUSED_SHEETS = frozenset(
    (
        "product", "coupon", "user_coupon", "notice", "banner", "faq", "inquiry", "event", "keyword", "tag",
        "holiday", "allergen", "payment_method", "app_version", "terms", "push_message", "search_log", "shop_image",
    )
)  # fmt: skip
"""Sheets of the app that teach nothing about shops or meals; they are reported as known and not read."""

DAYS = ("월", "화", "수", "목", "금", "토", "일")
HOLIDAY, FEASTS = "공휴일", "명절"
"""Further values of opening_hours.dayOfWeek."""

CANCELLED = frozenset(("CANCELLED", "CANCELED", "REFUNDED", "취소", "환불"))
"""Values of product_order.status that are no meal."""
