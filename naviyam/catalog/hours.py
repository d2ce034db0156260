"""Weekly opening hours: values, their JSON text, and the vectorised question "open now?".

Minutes count from midnight; a closing time after midnight is above 1440 (01:00 -> 1500). A day may be unknown
(None), which is neither open nor closed; a closed day is the empty tuple. Reading dirty texts is `hours_text`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.clock import SEOUL
from naviyam.errors import InputError

DAY_MIN = 1_440
LATEST_MIN = 2_160
"""No shop closes after noon of the next day; a text that says so is a typo."""

SMALL_HOURS_MIN = 360
"""Until 06:00 an unknown yesterday may still be open, so that a closed today is not the whole answer."""

DAY_KEYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_INTERVALS = 3
OPEN, CLOSED, UNKNOWN = 1, 0, -1

Interval = tuple[int, int]
Day = tuple[Interval, ...] | None

_FIXED_HOLIDAYS = {(1, 1), (3, 1), (5, 5), (6, 6), (8, 15), (10, 3), (10, 9), (12, 25)}
_FEAST_CENTRES = (
    date(2025, 1, 29), date(2025, 10, 6), date(2026, 2, 17), date(2026, 9, 25), date(2027, 2, 7),
    date(2027, 9, 15), date(2028, 1, 27), date(2028, 10, 3),
)  # fmt: skip
_FEASTS = {c + timedelta(days=d) for c in _FEAST_CENTRES for d in (-1, 0, 1)}
"""설날 and 추석 with the day before and after; years beyond the table have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekHours:
    """Hours of a week, Monday first. `holiday` holds for public holidays, None where nobody said."""

    days: tuple[Day, ...]
    holiday: Day = None
    closed_on_feasts: bool = False
    """설날 and 추석 are stated as closed (which says that other holidays are not)."""

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise InputError(f"a week has 7 days, not {len(self.days)}", field="hours")
        for day in (*self.days, self.holiday):
            _check_day(day)


def every_day(*intervals: Interval) -> WeekHours:
    """Return the same hours on all seven days."""
    return WeekHours(days=(tuple(intervals),) * 7)


def _check_day(day: Day) -> None:
    if day is None:
        return
    if len(day) > MAX_INTERVALS:
        raise InputError(f"a day has {len(day)} openings; {MAX_INTERVALS} at most", field="hours")
    for start, end in day:
        if not (0 <= start < DAY_MIN and start < end <= LATEST_MIN):
            raise InputError(
                f"opening {clock_text(start)} to {clock_text(end)} is not within a day; "
                "write a close after midnight as 25:00",
                field="hours",
            )
    if any(a[1] > b[0] for a, b in pairwise(day)):
        raise InputError("openings of one day overlap or are out of order", field="hours")


def clock_text(minute: int) -> str:
    """Return HH:MM; beyond midnight the hour goes on.

    >>> clock_text(1500)
    '25:00'
    """
    return f"{minute // 60:02d}:{minute % 60:02d}"


def clock_minute(text: str) -> int:
    """Return the minutes of HH:MM.

    Raises:
        InputError: the text is not a time.

    >>> clock_minute("25:00")
    1500
    """
    hour, _, minute = text.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(minute) < 60 and int(hour) <= 36):
        raise InputError(f"{text[:20]!r} is not a time as HH:MM", field="hours")
    return int(hour) * 60 + int(minute)


def to_json(hours: WeekHours | None) -> str:
    """Return the text for `Shop.hours`: days that are unknown are left out; "" for None."""
    if hours is None:
        return ""
    named = zip((*DAY_KEYS, "holiday"), (*hours.days, hours.holiday), strict=True)
    value: dict[str, Any] = {
        key: [[clock_text(a), clock_text(b)] for a, b in day]
        for key, day in named
        if day is not None
    }
    if hours.closed_on_feasts:
        value["closed_on_feasts"] = True
    return json.dumps(value, separators=(",", ":")) if value else ""


def parse_json(text: str) -> WeekHours | None:
    """Read `Shop.hours`; "" is None.

    Raises:
        InputError: the text is not the JSON that `to_json` writes.

    >>> parse_json(to_json(every_day((600, 1500)))) == every_day((600, 1500))
    True
    """
    if not text:
        return None
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise TypeError("not an object")
        unknown = set(value) - {*DAY_KEYS, "holiday", "closed_on_feasts"}
        days = {
            key: tuple((clock_minute(a), clock_minute(b)) for a, b in value[key])
            for key in (*DAY_KEYS, "holiday")
            if key in value
        }
    except (ValueError, TypeError, AttributeError) as e:
        raise InputError(
            f"hours {text[:60]!r} are not opening-hours JSON: {e}", field="hours"
        ) from e
    if unknown:
        raise InputError(f"hours hold unknown keys {sorted(unknown)}", field="hours")
    return WeekHours(
        days=tuple(days.get(key) for key in DAY_KEYS),
        holiday=days.get("holiday"),
        closed_on_feasts=bool(value.get("closed_on_feasts", False)),
    )


class HoursTable:
    """Hours of all shops as arrays; `bounds` int16 [n, 8, MAX_INTERVALS, 2] (day 7 = holiday), 0 = no opening."""

    def __init__(self, texts: Sequence[str]) -> None:
        n = len(texts)
        self.bounds = np.zeros((n, 8, MAX_INTERVALS, 2), np.int16)
        self.known = np.zeros((n, 8), np.bool_)
        self.closed_on_feasts = np.zeros(n, np.bool_)
        parsed: dict[str, WeekHours | None] = {}
        for row, text in enumerate(texts):
            if not text:
                continue
            if text not in parsed:
                parsed[text] = parse_json(text)
            hours = parsed[text]
            if hours is not None:
                self._fill(row, hours)

    def _fill(self, row: int, hours: WeekHours) -> None:
        self.closed_on_feasts[row] = hours.closed_on_feasts
        for index, day in enumerate((*hours.days, hours.holiday)):
            if day is not None:
                self.known[row, index] = True
                for slot, interval in enumerate(day):
                    self.bounds[row, index, slot] = interval

    def hours_per_day(self) -> npt.NDArray[np.float32]:
        """Return the mean open hours over the known weekdays [n]; nan where none is known."""
        span = (self.bounds[..., 1] - self.bounds[..., 0]).sum(axis=2)[:, :7] / 60.0
        days = self.known[:, :7].sum(axis=1)
        total = (span * self.known[:, :7]).sum(axis=1)
        return np.where(days > 0, total / np.maximum(days, 1), np.nan).astype(np.float32)

    def open_now(self, when: datetime) -> npt.NDArray[np.int8]:
        """Return 1 open, 0 closed, -1 unknown for every shop [n]. `when` is aware."""
        local = when.astimezone(SEOUL)
        minute = local.hour * 60 + local.minute
        today = self._day_state(local.date(), minute)
        before = self._day_state(local.date() - timedelta(days=1), minute + DAY_MIN)
        unknown = (today == UNKNOWN) | ((before == UNKNOWN) & (minute < SMALL_HOURS_MIN))
        closed_or_unknown = np.where(unknown, UNKNOWN, CLOSED)
        is_open = (today == OPEN) | (before == OPEN)
        return np.where(is_open, OPEN, closed_or_unknown).astype(np.int8)

    def _day_state(self, day: date, minute: int) -> npt.NDArray[np.int64]:
        """Return the state of `minute` as seen by the openings that began on `day`."""
        weekday = day.weekday()
        state = self._state(weekday, minute)
        if day not in _FEASTS and (day.month, day.day) not in _FIXED_HOLIDAYS:
            return state
        holiday = self._state(7, minute)
        silent = np.where(state == CLOSED, CLOSED, UNKNOWN)
        by_feast = np.full_like(state, CLOSED) if day in _FEASTS else state
        unstated = np.where(self.closed_on_feasts, by_feast, silent)
        return np.where(self.known[:, 7], holiday, unstated)

    def _state(self, day_index: int, minute: int) -> npt.NDArray[np.int64]:
        bounds = self.bounds[:, day_index]
        inside = ((bounds[..., 0] <= minute) & (minute < bounds[..., 1])).any(axis=1)
        return np.where(self.known[:, day_index], np.where(inside, OPEN, CLOSED), UNKNOWN)

    def closes_at(self, row: int, when: datetime) -> str | None:
        """Return when the present opening ends as HH:MM; None if not known to be open, or open round the clock."""
        if self.open_now(when)[row] != OPEN:
            return None
        local = when.astimezone(SEOUL)
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            minute = local.hour * 60 + local.minute + back * DAY_MIN
            for start, end in self.bounds[row, self._index(row, day)].tolist():
                if start <= minute < end:
                    return (
                        None
                        if end - start >= DAY_MIN
                        else clock_text(end if end == DAY_MIN else end % DAY_MIN)
                    )
        return None

    def _index(self, row: int, day: date) -> int:
        special = day in _FEASTS or (day.month, day.day) in _FIXED_HOLIDAYS
        return 7 if special and bool(self.known[row, 7]) else day.weekday()
