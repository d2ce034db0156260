"""Rows of the workbook's sheets user, product_order, userfavorite, review, shop_view, shop_click to users and events."""

from collections.abc import Mapping
from functools import partial

from naviyam.catalog import cells
from naviyam.catalog.events import CLICK, FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.workbook_rows import Each
from naviyam.catalog.workbook_schema import CANCELLED
from naviyam.errors import InputError
from naviyam.request import ALLERGY_PREFIX, CATEGORIES, DIETARY, UserProfile

NO_CONSENT = -1
"""Row of a user whose events are not to be kept."""

EventRow = tuple[int, int, int, float, int]
_SHEETS = (
    ("shop_view", VIEW),
    ("shop_click", CLICK),
    ("product_order", ORDER),
    ("userfavorite", FAVORITE),
    ("review", REVIEW),
)


def read_user(row: cells.Row) -> UserProfile:
    """Return a profile under the app's own id; whoever writes it makes a pseudonym of it."""
    favorites = cells.words(row, "favoriteCategories") or ()
    wishes = cells.words(row, "dietary") or ()
    strange = [f for f in favorites if f not in CATEGORIES]
    strange += [w for w in wishes if w not in DIETARY and not w.startswith(ALLERGY_PREFIX)]
    if strange:
        raise InputError(f"unknown category or dietary wish {strange[0]!r}", field="user")
    consent = cells.flag(row, "consent")
    return UserProfile(
        user_id=cells.needed(row, "id"),
        age=cells.whole(row, "age", least=5, most=120),
        district=cells.text(row, "district") or None,
        budget_won=cells.whole(row, "budget", least=1, most=1_000_000),
        favorite_categories=favorites,
        dietary=wishes,
        consent=True if consent is None else consent,
    )


def read_events(
    each: Each, user_row: Mapping[str, int], shop_row: Mapping[str, int], *, simulated: bool
) -> Events:
    """Return all events of known, consenting users and known shops, by time."""
    rows: list[EventRow] = []
    for name, kind in _SHEETS:
        rows.extend(each(name, partial(_event, kind=kind, user_row=user_row, shop_row=shop_row)))
    return Events.from_rows(rows, simulated=simulated)


def _event(
    row: cells.Row, *, kind: int, user_row: Mapping[str, int], shop_row: Mapping[str, int]
) -> EventRow:
    user, shop = (
        user_row.get(cells.needed(row, "userId")),
        shop_row.get(cells.needed(row, "shopId")),
    )
    if user is None:
        raise InputError("userId names no user that was kept", field="userId")
    if user == NO_CONSENT:
        raise InputError("the user has not agreed to be recorded", field="userId")
    if shop is None:
        raise InputError("shopId names no shop that was kept", field="shopId")
    value: float | None = 1.0
    if kind == ORDER:
        if cells.text(row, "status").upper() in CANCELLED:
            raise InputError("the order was cancelled", field="status")
        value = cells.number(row, "totalPrice", least=1, most=10_000_000)
    elif kind == REVIEW:
        value = cells.number(row, "rating", least=1, most=5)
    if value is None:
        raise InputError("its value is empty", field="value")
    return user, shop, kind, value, cells.moment(row, "createdAt")
