"""Cells of a workbook to values: text, whole numbers, flags, points in time. A cell that says nothing is None.

Raises `InputError` with what is wrong with the cell; who reads the row turns that into a reason.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from naviyam.clock import SEOUL
from naviyam.errors import InputError

Row = Mapping[str, Any]

_YES = frozenset(("y", "yes", "true", "1", "o", "예", "네", "가능"))
_NO = frozenset(("n", "no", "false", "0", "x", "아니오", "불가"))


def text(row: Row, name: str) -> str:
    """Return the cell as stripped text, "" where empty; a whole float loses its .0."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())


def needed(row: Row, name: str) -> str:
    """Return the cell's text.

    Raises:
        InputError: it is empty.
    """
    value = text(row, name)
    if not value:
        raise InputError(f"{name} is empty", field=name)
    return value


def number(row: Row, name: str, *, least: float, most: float) -> float | None:
    """Return the cell's number, None where empty.

    Raises:
        InputError: it is no number, or outside the bounds.
    """
    written = text(row, name).replace(",", "").removesuffix("원").strip()
    if not written:
        return None
    try:
        value = float(written)
    except ValueError as e:
        raise InputError(f"{name} is not a number", field=name) from e
    if not least <= value <= most:
        raise InputError(f"{name} is outside {least:g} to {most:g}", field=name)
    return value


def whole(row: Row, name: str, *, least: int, most: int) -> int | None:
    """Return the cell's number without its fraction, None where empty."""
    value = number(row, name, least=least, most=most)
    return None if value is None else int(value)


def flag(row: Row, name: str) -> bool | None:
    """Return a yes or no, None where empty.

    Raises:
        InputError: it is neither.
    """
    written = text(row, name).lower()
    if not written:
        return None
    if written in _YES or written in _NO:
        return written in _YES
    raise InputError(f"{name} is neither yes nor no", field=name)


def moment(row: Row, name: str) -> int:
    """Return a point in time as epoch seconds; a time without zone is Seoul's.

    Raises:
        InputError: empty, or no date.
    """
    value = row.get(name)
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(needed(row, name))
        except ValueError as e:
            raise InputError(f"{name} is not a date and time", field=name) from e
    return int((value if value.tzinfo else value.replace(tzinfo=SEOUL)).timestamp())


def clock(row: Row, name: str) -> str:
    """Return a time of day as HH:MM, "" where empty; Excel's own times are taken too."""
    value = row.get(name)
    return f"{value:%H:%M}" if isinstance(value, time | datetime) else text(row, name)[:5]


def words(row: Row, name: str) -> tuple[str, ...] | None:
    """Return a comma-separated list, None where the cell is empty; "-" is the empty list."""
    written = text(row, name)
    if not written:
        return None
    return tuple(w.strip() for w in written.split(",") if w.strip() not in ("", "-"))
