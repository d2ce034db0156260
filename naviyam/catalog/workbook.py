"""Importing the app's workbook (spec 5). Unknown sheets and columns are reported, bad rows set aside, the rest goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from naviyam.catalog import cells
from naviyam.catalog.report import Imported, ImportReport, SetAside
from naviyam.catalog.sheets import Sheet, Sheets, read_sheets
from naviyam.catalog.workbook_behavior import NO_CONSENT, read_events, read_user
from naviyam.catalog.workbook_rows import Lookups, read_hours, read_menu, read_shop
from naviyam.catalog.workbook_schema import REQUIRED_SHEETS, SCHEMAS, UNUSED_SHEETS, plain
from naviyam.errors import InputError

T = TypeVar("T")


class Book:
    """The sheets being read, with the account of what was read, kept and set aside."""

    def __init__(self, sheets: Sheets) -> None:
        self.sheets = {plain(name): sheet for name, sheet in sheets.items()}
        self.read: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self.set_aside: list[SetAside] = []

    def each(self, name: str, take: Callable[[cells.Row], T]) -> list[T]:
        """Return `take(row)` for every row that is not empty; a row that raises `InputError` is set aside."""
        sheet = self.sheets.get(plain(name))
        if sheet is None:
            return []
        place = SCHEMAS[name].find(sheet.columns)
        taken: list[T] = []
        total = 0
        for line, values in enumerate(sheet.rows, start=2):
            if all(v is None for v in values):
                continue
            total += 1
            row = {column: values[index] for column, index in place.items()}
            try:
                taken.append(take(row))
            except InputError as e:
                self.set_aside.append(
                    SetAside(table=name, row=line, reason=str(e), detail=_detail(row))
                )
        self.read[name], self.kept[name] = total, len(taken)
        return taken


def import_workbook(path: Path) -> Imported:
    """Read a workbook.

    Raises:
        InputError: it is no workbook, or a required sheet or column is missing; the message says what there is.
    """
    return import_sheets(read_sheets(path))


def import_sheets(sheets: Sheets) -> Imported:
    """Read the sheets of a workbook; see `import_workbook`."""
    _check(sheets)
    book = Book(sheets)
    lookups = _lookups(book)
    shops = _unique(book, "shop", lambda row: read_shop(row, lookups), lambda s: s.shop_id)
    known = {s.shop_id: s for s in shops}
    menus = _unique(book, "menu", lambda row: read_menu(row, known), lambda m: m.menu_id)
    users = _unique(book, "user", read_user, lambda u: u.user_id)
    tags = lookups.tags_of(shops, menus)
    row_of = {s.shop_id: i for i, s in enumerate(shops)}
    user_row = {u.user_id: i if u.consent else NO_CONSENT for i, u in enumerate(users)}
    simulated = lookups.info.get("simulated", "").upper() == "Y"
    events = read_events(book.each, user_row, row_of, simulated=simulated)
    return Imported(
        shops=tuple(tags),
        menus=tuple(menus),
        users=tuple(users),
        events=events if len(events) else None,
        report=_report(book, sheets),
    )


def _check(sheets: Sheets) -> None:
    names = {plain(n): n for n in sheets}
    for name in REQUIRED_SHEETS:
        if name not in names:
            raise InputError(
                f"the workbook has no sheet {name!r}; its sheets are {sorted(sheets)}, "
                f"needed are {list(REQUIRED_SHEETS)}",
                field=name,
            )
        sheet = sheets[names[name]]
        missing = set(SCHEMAS[name].required) - set(SCHEMAS[name].find(sheet.columns))
        if missing:
            raise InputError(
                f"sheet {name!r} has no column {sorted(missing)}; its columns are {list(sheet.columns)}",
                field=name,
            )


def _lookups(book: Book) -> Lookups:
    """Read the sheets that others point to. A row that repeats an id wins over the one before."""
    districts = book.each(
        "district",
        lambda row: (
            cells.needed(row, "id"),
            (cells.text(row, "sido"), cells.text(row, "sigungu"), cells.text(row, "dong")),
        ),
    )
    tags = book.each(
        "shop_tag", lambda row: (cells.needed(row, "shopId"), cells.needed(row, "tag"))
    )
    info = book.each(
        "dataset_info", lambda row: (cells.needed(row, "key"), cells.text(row, "value"))
    )
    return Lookups(
        brands=dict(book.each("brand", _named("brandName"))),
        categories=dict(book.each("category", _named("categoryName"))),
        districts=dict(districts),
        hours=read_hours(book.each),
        tags=tags,
        info=dict(info),
    )


def _named(column: str) -> Callable[[cells.Row], tuple[str, str]]:
    return lambda row: (cells.needed(row, "id"), cells.needed(row, column))


def _unique(
    book: Book, name: str, take: Callable[[cells.Row], T], key: Callable[[T], str]
) -> list[T]:
    seen: set[str] = set()

    def once(row: cells.Row) -> T:
        value = take(row)
        if key(value) in seen:
            raise InputError("id comes twice", field="id")
        seen.add(key(value))
        return value

    return book.each(name, once)


def _report(book: Book, sheets: Sheets) -> ImportReport:
    known = {plain(n): n for n in SCHEMAS}
    unused = {plain(n) for n in UNUSED_SHEETS}
    unknown_columns: dict[str, tuple[str, ...]] = {}
    unused_columns: dict[str, tuple[str, ...]] = {}
    for name, sheet in sheets.items():
        if plain(name) in known:
            rest = _unread(known[plain(name)], sheet)
            schema = SCHEMAS[known[plain(name)]]
            unused_columns[name] = tuple(c for c in rest if schema.is_unused(c))
            unknown_columns[name] = tuple(c for c in rest if not schema.is_unused(c))
    return ImportReport(
        read=book.read,
        kept=book.kept,
        set_aside=tuple(book.set_aside),
        unused_tables=tuple(n for n in sheets if plain(n) in unused),
        unknown_tables=tuple(n for n in sheets if plain(n) not in unused and plain(n) not in known),
        unused_columns={k: v for k, v in unused_columns.items() if v},
        unknown_columns={k: v for k, v in unknown_columns.items() if v},
    )


def _unread(name: str, sheet: Sheet) -> list[str]:
    read = set(SCHEMAS[name].find(sheet.columns).values())
    return [c for i, c in enumerate(sheet.columns) if i not in read and c]


def _detail(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={cells.text(row, k)[:24]}" for k in list(row)[:3])
