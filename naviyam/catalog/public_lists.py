"""Importing the public lists of shops (CSV): good-price shops, meal-card merchants, or a joined list.

Which list a file is shows in its header. A bad row is set aside with its reason; a bad menu is set aside without
losing its shop. No network, no geocoding: a shop without a point stays without one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from naviyam.catalog.categories import kinds
from naviyam.catalog.gazetteer import kilometres
from naviyam.catalog.hours import to_json
from naviyam.catalog.hours_text import parse_text
from naviyam.catalog.list_rows import LISTS, ListKind, RawShop
from naviyam.catalog.plain_csv import read_rows
from naviyam.catalog.regions import Region, full_address, normalise_sido, split_address
from naviyam.catalog.report import Imported, ImportReport, SetAside
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.errors import InputError
from naviyam.safety.alcohol import is_bar

LEAST_WON, MOST_WON = 300, 300_000
FARTHEST_KM = 60.0
_KOREA = (33.0, 38.7, 124.5, 131.95)
_MEDIAN_FROM = 3
_ELDERLY = re.compile(r"경로|어르신|노인|실버|[6-7][05]세")

Centres = Mapping[tuple[str, str], tuple[float, float]]
"""(sido, sigungu) to its centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    row: int
    raw: RawShop
    region: Region
    point: tuple[float, float] | None


def sniff(columns: Sequence[str]) -> ListKind:
    """Return which public list has these columns.

    Raises:
        InputError: none does; the message names the columns found and those expected.
    """
    for kind in LISTS:
        if kind.required <= set(columns):
            return kind
    expected = "; ".join(f"{k.name}: {sorted(k.required)}" for k in LISTS)
    raise InputError(
        f"no known list has the columns {list(columns)[:30]}; expected one of {expected}",
        field="columns",
    )


def import_list(path: Path, *, centres: Centres | None = None) -> Imported:
    """Read one public list; `centres` are used to find points far from their own district.

    Raises:
        InputError: the file cannot be read or is no known list.
    """
    columns, rows = read_rows(path)
    kind = sniff(columns)
    table = path.name
    aside: list[SetAside] = []
    readable: list[_Read] = []
    for number, row in enumerate(rows, start=2):
        read = _read(kind, row, number)
        if isinstance(read, str):
            aside.append(
                SetAside(table=table, row=number, reason=read, detail=row.get("name", "")[:40])
            )
        else:
            readable.append(read)
    placed = list(_placed(readable, centres or {}, table, aside))
    shops, menus = [], []
    menu_table = f"{table}:menus"
    for read in placed:
        own = list(_menus(read, menu_table, aside))
        shops.append(_shop(read, kind, [m.name for m in own]))
        menus.extend(own)
    report = ImportReport(
        read={table: len(rows), menu_table: sum(len(r.raw.menus) for r in placed)},
        kept={table: len(shops), menu_table: len(menus)},
        set_aside=tuple(aside),
        unused_columns={table: tuple(c for c in columns if c in kind.unused)},
        unknown_columns={table: tuple(c for c in columns if c not in kind.used | kind.unused)},
    )
    return Imported(shops=tuple(shops), menus=tuple(menus), report=report)


def _read(kind: ListKind, row: Mapping[str, str], number: int) -> _Read | str:
    """Return a row as read, or why it cannot be used."""
    raw = kind.read(row)
    if isinstance(raw, str):
        return raw
    if not raw.shop_id:
        return "no id"
    if not raw.name:
        return "no name"
    region = split_address(raw.address, sido=normalise_sido(raw.sido), sigungu=raw.sigungu)
    if raw.dong:
        region = Region(sido=region.sido, sigungu=region.sigungu, dong=raw.dong)
    if not region.sigungu and not region.sido:
        return "no district"
    point: tuple[float, float] | None = None
    if raw.latitude or raw.longitude:
        try:
            point = (float(raw.latitude), float(raw.longitude))
        except ValueError:
            return "coordinates are not numbers"
        if not (_KOREA[0] <= point[0] <= _KOREA[1] and _KOREA[2] <= point[1] <= _KOREA[3]):
            return "coordinates outside Korea"
    return _Read(row=number, raw=raw, region=region, point=point)


def _placed(
    rows: Sequence[_Read], centres: Centres, table: str, aside: list[SetAside]
) -> Iterator[_Read]:
    """Yield the rows whose id is new and whose point is near their own district."""
    known = {**_own_centres(rows), **centres}
    seen: set[str] = set()
    for read in rows:
        centre = known.get((read.region.sido, read.region.sigungu))
        far = read.point and centre and kilometres(read.point, centre) > FARTHEST_KM
        reason = (
            "id comes twice"
            if read.raw.shop_id in seen
            else "coordinates far from the district"
            if far
            else ""
        )
        if reason:
            aside.append(
                SetAside(table=table, row=read.row, reason=reason, detail=read.raw.name[:40])
            )
            continue
        seen.add(read.raw.shop_id)
        yield read


def _own_centres(rows: Sequence[_Read]) -> dict[tuple[str, str], tuple[float, float]]:
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for read in rows:
        if read.point is not None:
            points.setdefault((read.region.sido, read.region.sigungu), []).append(read.point)
    return {
        key: (median(p[0] for p in found), median(p[1] for p in found))
        for key, found in points.items()
        if len(found) >= _MEDIAN_FROM
    }


def _menus(read: _Read, table: str, aside: list[SetAside]) -> Iterator[Menu]:
    for number, (name, price) in enumerate(read.raw.menus, start=1):
        won = _won(price)
        reason = won if isinstance(won, str) else _not_for_a_child(name)
        if isinstance(won, str) or reason:
            aside.append(
                SetAside(
                    table=table, row=read.row, reason=reason, detail=f"{name[:30]} {price[:12]}"
                )
            )
            continue
        yield Menu(
            menu_id=f"{read.raw.shop_id}-m{number:02d}",
            shop_id=read.raw.shop_id,
            name=name,
            price_won=won,
            is_best=number == 1,
        )


def _not_for_a_child(name: str) -> str:
    """Return why a child cannot have the menu at its price, "" where it can."""
    if not name:
        return "no menu name"
    return "a price for the elderly" if _ELDERLY.search(name) else ""


def _won(text: str) -> int | str:
    """Return a price, or why it is none."""
    try:
        won = float(text)
    except ValueError:
        return "price is not a number"
    if not LEAST_WON <= won <= MOST_WON:
        return f"price outside {LEAST_WON} to {MOST_WON} won"
    return int(won)


def _shop(read: _Read, kind: ListKind, menus: Sequence[str]) -> Shop:
    raw = read.raw
    found = kinds(raw.name, raw.category, menus)
    hours = raw.week if raw.week is not None else parse_text(raw.hours) if raw.hours else None
    return Shop(
        shop_id=raw.shop_id,
        name=raw.name,
        category=found.category,
        tags=found.tags,
        address=full_address(raw.address, read.region),
        sido=read.region.sido,
        sigungu=read.region.sigungu,
        dong=read.region.dong,
        latitude=read.point[0] if read.point else None,
        longitude=read.point[1] if read.point else None,
        meal_card=MealCard(raw.meal_card),
        hours=to_json(hours),
        serves_alcohol_mainly=is_bar(raw.name, raw.category),
        source=raw.source or kind.name,
    )
