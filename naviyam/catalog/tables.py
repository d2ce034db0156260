"""The catalogue's Parquet tables: how shops, menus, users and events are written into one version's folder.

Derived columns (search document, squashed names, alcohol) are computed here once, so that loading is only reading.
No publishing: `naviyam.versions` renames the folder into place.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.catalog.events import KINDS, Events
from naviyam.catalog.types import Menu, Shop
from naviyam.errors import InputError
from naviyam.request import UserProfile
from naviyam.safety.alcohol import is_alcohol_menu
from naviyam.text.clean import squash

SHOPS, MENUS, USERS, EVENTS, CARD = (
    "shops.parquet", "menus.parquet", "users.parquet", "events.parquet", "card.json",
)  # fmt: skip
_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
DOCUMENT_MENUS = 12
"""Menus named in a search document; more would blur its embedding."""

SHOP_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("shop_id", "name", "brand", "category")),
        ("tags", _TEXTS),
        *((name, _TEXT) for name in ("address", "sido", "sigungu", "dong")),
        ("latitude", pa.float32()),
        ("longitude", pa.float32()),
        ("meal_card", _TEXT),
        ("is_good_influence_shop", pa.bool_()),
        ("message", _TEXT),
        ("hours", _TEXT),
        ("rating", pa.float32()),
        *((f"{name}_count", pa.int32()) for name in ("review", "order", "favorite", "view")),
        ("serves_alcohol_mainly", pa.bool_()),
        ("source", _TEXT),
        ("document", _TEXT),
        ("normalised", _TEXT),
    ]
)
MENU_SCHEMA = pa.schema(
    [
        ("shop_row", pa.int32()),
        ("menu_id", _TEXT),
        ("name", _TEXT),
        ("price_won", pa.int32()),
        ("description", _TEXT),
        ("discount_won", pa.int32()),
        ("is_best", pa.bool_()),
        ("is_sold_out", pa.bool_()),
        ("allergens", _TEXTS),
        ("alcohol", pa.bool_()),
    ]
)
USER_SCHEMA = pa.schema(
    [
        ("user_id", _TEXT),
        ("age", pa.int16()),
        ("district", _TEXT),
        ("budget_won", pa.int32()),
        ("favorite_categories", _TEXTS),
        ("dietary", _TEXTS),
        ("consent", pa.bool_()),
    ]
)


def schema_hash() -> str:
    """Return a digest of all table schemas; a card carries it."""
    text = "\n".join(str(s) for s in (SHOP_SCHEMA, MENU_SCHEMA, USER_SCHEMA)) + "|".join(KINDS)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def document(shop: Shop, menus: Sequence[Menu]) -> str:
    """Return the text that search embeds: name, kinds, place, menus, the owner's message."""
    place = " ".join(p for p in (shop.sido, shop.sigungu, shop.dong) if p)
    names = ", ".join(dict.fromkeys(m.name for m in menus[:DOCUMENT_MENUS]))
    kinds = " ".join(dict.fromkeys((shop.category, *shop.tags)))
    good = "착한가게" if shop.is_good_influence_shop else ""
    return ". ".join(p for p in (shop.name, kinds, names, place, good, shop.message) if p)


def write_tables(
    folder: Path,
    shops: Sequence[Shop],
    menus: Sequence[Menu],
    users: Sequence[UserProfile],
    behavior: Events,
    card: Mapping[str, Any],
) -> None:
    """Write one version's tables and its card into `folder`.

    Raises:
        InputError: two shops or users share an id, or a menu or event names a shop that is not there.
    """
    row_of = _rows([s.shop_id for s in shops], "shop_id")
    _rows([u.user_id for u in users], "user_id")
    ordered = _ordered(menus, row_of)
    safe: dict[str, list[Menu]] = {}
    for menu, alcohol in ordered:
        if not alcohol:
            safe.setdefault(menu.shop_id, []).append(menu)
    shop_rows = [_shop_row(s, safe.get(s.shop_id, [])) for s in shops]
    menu_rows = [_menu_row(m, row_of[m.shop_id], alcohol) for m, alcohol in ordered]
    user_rows = [{name: getattr(u, name) for name in USER_SCHEMA.names} for u in users]
    for name, rows, schema in (
        (SHOPS, shop_rows, SHOP_SCHEMA),
        (MENUS, menu_rows, MENU_SCHEMA),
        (USERS, user_rows, USER_SCHEMA),
    ):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / name)
    _write_events(folder / EVENTS, behavior, n_users=len(users), n_shops=len(shops))
    text = json.dumps(
        {**card, "simulated": behavior.simulated, "schema": schema_hash()},
        ensure_ascii=False,
        indent=1,
    )
    (folder / CARD).write_text(text, encoding="utf-8")


def _rows(ids: Sequence[str], field: str) -> dict[str, int]:
    row_of = {key: row for row, key in enumerate(ids)}
    if len(row_of) != len(ids):
        seen: set[str] = set()
        double = next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise InputError(f"{field} {double!r} comes twice; ids must be unique", field=field)
    return row_of


def _ordered(menus: Sequence[Menu], row_of: Mapping[str, int]) -> list[tuple[Menu, bool]]:
    """Return menus with their alcohol flag by shop: what can be eaten now first, then the best, then as given."""
    for menu in menus:
        if menu.shop_id not in row_of:
            raise InputError(
                f"menu {menu.menu_id!r} names shop {menu.shop_id!r}, which is not among the shops",
                field="shop_id",
            )
    flagged = [(m, is_alcohol_menu(m.name)) for m in menus]
    return sorted(
        flagged, key=lambda x: (row_of[x[0].shop_id], x[1], x[0].is_sold_out, not x[0].is_best)
    )


def _shop_row(shop: Shop, menus: Sequence[Menu]) -> dict[str, Any]:
    row = {
        name: getattr(shop, name)
        for name in SHOP_SCHEMA.names
        if name not in ("document", "normalised")
    }
    row["meal_card"] = shop.meal_card.value
    row["document"] = document(shop, menus)
    row["normalised"] = "\n".join(squash(text) for text in (shop.name, *(m.name for m in menus)))
    return row


def _menu_row(menu: Menu, shop_row: int, alcohol: bool) -> dict[str, Any]:
    row = {
        name: getattr(menu, name)
        for name in MENU_SCHEMA.names
        if name not in ("shop_row", "alcohol")
    }
    return {**row, "shop_row": shop_row, "alcohol": alcohol}


def _write_events(path: Path, events: Events, *, n_users: int, n_shops: int) -> None:
    ordered = events.sorted()
    for name, values, limit in (
        ("user", ordered.user, n_users),
        ("shop", ordered.shop, n_shops),
        ("kind", ordered.kind, len(KINDS)),
    ):
        if len(values) and (values.min() < 0 or values.max() >= limit):
            raise InputError(
                f"events.{name} goes from {values.min()} to {values.max()}; it must be 0 to {limit - 1}",
                field=name,
            )
    names = ("user", "shop", "kind", "value", "time")
    pq.write_table(pa.table({name: pa.array(getattr(ordered, name)) for name in names}), path)
