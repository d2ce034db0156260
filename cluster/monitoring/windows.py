"""Spans of time that figures are about. Days are those of Asia/Seoul, which has no daylight saving. No I/O."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from naviyam.clock import SEOUL
from naviyam.errors import InputError

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
SEOUL_OFFSET_S = 9 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `start` to just before `end`, both aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InputError("a window's times must have a zone", field="window")
        if self.start >= self.end:
            raise InputError(
                f"a window must end after it starts, got {self.start} to {self.end}",
                field="window",
            )

    @property
    def before(self) -> "Window":
        """The window of the same length that ends where this one starts."""
        return Window(start=self.start - (self.end - self.start), end=self.start)

    @property
    def label(self) -> str:
        """The day in Seoul where it is one, else both ends."""
        start, end = self.start.astimezone(SEOUL), self.end.astimezone(SEOUL)
        if start.time() == time() and end - start == DAY:
            return start.date().isoformat()
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"

    def to_dict(self) -> dict[str, str]:
        """Return the ends as ISO times in UTC."""
        return {
            "start": self.start.astimezone(UTC).isoformat(),
            "end": self.end.astimezone(UTC).isoformat(),
        }


def day_of(day: date) -> Window:
    """Return a day in Seoul.

    >>> day_of(date(2026, 11, 29)).start.astimezone(UTC).isoformat()
    '2026-11-28T15:00:00+00:00'
    """
    start = datetime.combine(day, time(), SEOUL)
    return Window(start=start, end=start + DAY)


def days(now: datetime, count: int) -> tuple[Window, ...]:
    """Return the last `count` days in Seoul, oldest first; the last is today, and not over yet."""
    today = now.astimezone(SEOUL).date()
    return tuple(day_of(today - timedelta(days=ago)) for ago in range(count - 1, -1, -1))


def last(now: datetime, length_s: float) -> Window:
    """Return the window of `length_s` seconds that ends now."""
    return Window(start=now - timedelta(seconds=length_s), end=now)


def week(now: datetime, *, lag_s: float = 0.0) -> Window:
    """Return the seven days up to the last full hour that is `lag_s` seconds ago.

    Every hour of the week stands in it once, so that it may be compared with the one before at any time.
    """
    end = (now - timedelta(seconds=lag_s)).astimezone(UTC)
    end = end.replace(minute=0, second=0, microsecond=0)
    return Window(start=end - WEEK, end=end)
