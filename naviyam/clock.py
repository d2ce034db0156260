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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledClock:
    """A clock that runs `scale` times as fast as `real`, from `virtual` on since `real` showed `origin`.

    Kept with its origin, it does not jump when a process starts again. For demonstrations of a schedule.
    """

    real: Clock
    origin: datetime
    virtual: datetime
    scale: float

    def now(self) -> datetime:
        return self.virtual + (self.real.now() - self.origin) * self.scale

    def monotonic_s(self) -> float:
        return self.real.monotonic_s() * self.scale

    def real_time(self, at: datetime) -> datetime:
        """Return when `real` will show, or showed, the time `at` of this clock."""
        return self.origin + (at - self.virtual) / self.scale
