"""Rate limits: the generic cell rate algorithm over one number for each bucket. Pure; times are microseconds.

The number is the theoretical arrival time (TAT) of ITU-T I.371: the moment at which the bucket will be full again. A request
moves it `interval` on and is let in while that is at most `window` ahead of now, so `requests` may come at once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from naviyam.settings import Rate

US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A named limit. `credit` is what a replica may give before it tells the others."""

    name: str
    requests: int
    window_us: int
    credit: int

    @classmethod
    def of(cls, name: str, rate: Rate, *, credit_share: float) -> "Quota | None":
        """Return the quota of a setting, None where it sets no limit."""
        if not rate.requests:
            return None
        return cls(
            name=name,
            requests=rate.requests,
            window_us=max(rate.requests, round(rate.window_s * US)),
            credit=max(1, math.ceil(rate.requests * credit_share)),
        )

    @property
    def interval_us(self) -> int:
        """Time in which one request comes back."""
        return self.window_us // self.requests

    @property
    def depth_us(self) -> int:
        """How far ahead of now the bucket of an exhausted quota is."""
        return self.interval_us * self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request may pass."""

    quota: Quota
    tat_us: int
    remaining: int
    reset_s: float
    """Until the quota is whole again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A request may not pass before `retry_after_s`."""

    quota: Quota
    retry_after_s: float


def decide(quota: Quota, tat_us: int, now_us: int) -> Admitted | Refused:
    """Return whether a request at `now_us` may pass, and the bucket's TAT after it."""
    after_us = max(tat_us, now_us) + quota.interval_us
    ahead_us = after_us - now_us
    if ahead_us > quota.depth_us:
        return Refused(quota=quota, retry_after_s=(ahead_us - quota.depth_us) / US)
    return Admitted(
        quota=quota,
        tat_us=after_us,
        remaining=(quota.depth_us - ahead_us) // quota.interval_us,
        reset_s=ahead_us / US,
    )


class SharedCounts(Protocol):
    """The truth that replicas share. Calls block."""

    def charge(self, amounts_us: Mapping[str, int], *, now_us: int) -> Mapping[str, int]:
        """Move each bucket's TAT on by its amount, from now on where it lies behind; return the TATs. Atomic for each bucket."""
        ...

    def forget(self, *, full_before_us: int) -> None:
        """Drop the buckets that were full before a moment: they are as good as never seen."""
        ...


class MemoryCounts:
    """`SharedCounts` in memory, for several limiters in one process."""

    def __init__(self) -> None:
        self.tats_us: dict[str, int] = {}

    def charge(self, amounts_us: Mapping[str, int], *, now_us: int) -> Mapping[str, int]:
        for bucket, amount in amounts_us.items():
            self.tats_us[bucket] = max(self.tats_us.get(bucket, 0), now_us) + amount
        return {bucket: self.tats_us[bucket] for bucket in amounts_us}

    def forget(self, *, full_before_us: int) -> None:
        self.tats_us = {b: t for b, t in self.tats_us.items() if t >= full_before_us}
