"""One replica's rate limits, in memory, told to the other replicas through a shared store now and then. Use it in one event loop.

A replica answers from its view of a bucket: the shared TAT as it was when it last told, plus what it gave since. It gives at
most `credit` requests of a bucket before it tells, so a lone child never waits for a query and a flood waits for one query
in `credit` requests. What was given is charged whole, even above the limit, so the debt is paid before more is given.

Bound: N replicas together never get more than (N - 1) x `credit` requests ahead of one exact limiter. Write E for how far the
shared TAT is beyond the limit. A replica's batch (at most `credit`) was let in on its view, so right after its charge E is at
most what *others* charged since its charge before. If each of them charged once, that is (N - 1) x credit. If one of them
charged twice, then by the same argument, among fewer replicas, E was small at its second charge, and only replicas that had not
charged before add one batch each. A view may be forgotten only once it lies in the past: then it says nothing.

Where the store is away every replica limits by itself (N times the quota at most) and what it gave is charged later.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cluster.access.limits import US, Admitted, Quota, Refused, SharedCounts, decide
from naviyam.clock import Clock

_PATIENCE_S = 1.0
_AWAY_S = 5.0
_FORGET_EVERY_S = 60.0
_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Bucket:
    quota: Quota
    tat_us: int = 0
    given: int = 0
    """Of these the store was not told yet; `tat_us` counts them."""


class Limiter:
    """Gives and refuses requests.

    Args:
        shared: where the truth is; None where this replica is alone.
        clock: wall time; the clocks of all replicas should agree to a fraction of `interval_us`.
        sync_s: how long what was given may stay untold.
        max_buckets: how many are kept in memory.
        told: is given the name of what an operator should count: `limits_unshared`, `limits_forgotten`.
        least_gap_s: least time between two charges: a flood does not become one of queries.
    """

    def __init__(
        self,
        shared: SharedCounts | None,
        *,
        clock: Clock,
        sync_s: float = 0.5,
        max_buckets: int = 100_000,
        told: Callable[[str], None] = lambda name: None,
        least_gap_s: float = 0.05,
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._sync_s = sync_s
        self._max_buckets = max_buckets
        self._told = told
        self._least_gap_s = least_gap_s
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._untold: set[tuple[str, str]] = set()
        self._charging: asyncio.Task[None] | None = None
        self._waking: asyncio.Task[None] | None = None
        self._charged_s = self._forgot_s = self._clock.monotonic_s() - _AWAY_S
        self._away_until_s = float("-inf")

    async def take(self, quota: Quota, subject: str) -> Admitted | Refused:
        """Take one request of a subject's quota."""
        key = quota.name, subject
        while True:
            bucket = self._bucket(key, quota)
            decision = decide(quota, bucket.tat_us, self._now_us())
            if isinstance(decision, Refused):
                return decision
            if self._shared is None or bucket.given < quota.credit or self._away:
                break
            await self._charge()
        bucket.tat_us = decision.tat_us
        if self._shared is not None:
            bucket.given += 1
            self._untold.add(key)
            self._charge_soon()
        return decision

    @property
    def size(self) -> int:
        """How many buckets are held."""
        return len(self._buckets)

    async def settle(self) -> None:
        """Tell what was given, now."""
        while self._untold and not self._away:
            await self._charge()

    @property
    def _away(self) -> bool:
        return self._clock.monotonic_s() < self._away_until_s

    def _now_us(self) -> int:
        return round(self._clock.now().timestamp() * US)

    def _bucket(self, key: tuple[str, str], quota: Quota) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        self._make_room()
        return self._buckets.setdefault(key, _Bucket(quota=quota))

    def _make_room(self) -> None:
        """Drop two buckets that say nothing any more, and where there is no room the one seen longest ago."""
        now_us = self._now_us()
        for _ in range(2):
            key = next(iter(self._buckets), None)
            if key is None:
                return
            oldest = self._buckets[key]
            idle = oldest.tat_us <= now_us and not oldest.given
            if not idle and len(self._buckets) < self._max_buckets:
                return
            if not idle:
                self._told("limits_forgotten")
            del self._buckets[key]
            self._untold.discard(key)

    def _charge_soon(self) -> None:
        if self._waking is None or self._waking.done():
            self._waking = asyncio.ensure_future(self._charge_later())

    async def _charge_later(self) -> None:
        while self._untold:
            await asyncio.sleep(self._sync_s)
            if not self._away:
                await self._charge()

    async def _charge(self) -> None:
        """Tell the store; whoever needs it meanwhile waits for the same call."""
        if self._charging is None or self._charging.done():
            self._charging = asyncio.ensure_future(self._charge_once())
        await asyncio.shield(self._charging)

    async def _charge_once(self) -> None:
        assert self._shared is not None
        early_s = self._charged_s + self._least_gap_s - self._clock.monotonic_s()
        if early_s > 0:
            await asyncio.sleep(early_s)
        self._charged_s = self._clock.monotonic_s()
        given = {key: self._buckets[key].given for key in self._untold}
        amounts = {
            ":".join(key): count * self._buckets[key].quota.interval_us
            for key, count in given.items()
        }
        try:
            async with asyncio.timeout(_PATIENCE_S):
                tats = await asyncio.to_thread(self._shared.charge, amounts, now_us=self._now_us())
                await self._forget_sometimes()
        except Exception as e:  # whatever it is: limits hold in this process, and requests go on
            self._unshared(e)
            return
        for key, count in given.items():
            bucket = self._buckets.get(key)
            if bucket is None:
                continue
            bucket.given -= count
            untold_us = bucket.given * bucket.quota.interval_us
            bucket.tat_us = max(bucket.tat_us, tats[":".join(key)] + untold_us)
            if not bucket.given:
                self._untold.discard(key)

    async def _forget_sometimes(self) -> None:
        if self._clock.monotonic_s() - self._forgot_s < _FORGET_EVERY_S:
            return
        self._forgot_s = self._clock.monotonic_s()
        assert self._shared is not None
        before_us = self._now_us() - round(_FORGET_EVERY_S * US)
        await asyncio.to_thread(self._shared.forget, full_before_us=before_us)

    def _unshared(self, error: Exception) -> None:
        self._away_until_s = self._clock.monotonic_s() + _AWAY_S
        self._told("limits_unshared")
        _logger.error(
            "rate limits are not shared for %g s, each replica limits by itself: %s: %s",
            _AWAY_S,
            type(error).__name__,
            str(error).splitlines()[0] if str(error) else "",
        )
