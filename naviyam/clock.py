"""Time comes in through a `Clock`; nothing deep inside asks the machine."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


class Clock(Protocol):
    """Wall time for records and rules, monotonic time for durations."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place that may

    def monotonic_s(self) -> float:
        return time.perf_counter()


@dataclass(slots=True, kw_only=True)
class FakeClock:
    """A clock that moves only when told to; ships for tests and replays."""

    current: datetime
    elapsed_s: float = 0.0

    def now(self) -> datetime:
        return self.current

    def monotonic_s(self) -> float:
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        self.current += timedelta(seconds=seconds)
        self.elapsed_s += seconds
