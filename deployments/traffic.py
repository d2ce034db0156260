"""The traffic table that this process answers by. No Ray.

It is what the published file says, looked at every `POLL_S`, and what Serve hands over (`Ingress.reconfigure`), whichever
is newer.

A new table's weights count at once. Only a candidate that is still being loaded gets nobody yet: its split opens when
the candidate is ready, or has failed or taken too long, in which case its arm is broken and is counted so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from cluster.rollout.traffic import Split, Traffic
from deployments.versioned import POLL_S
from naviyam.arms import Arms, Layer
from naviyam.errors import NaviyamError

Prepare = Callable[[str], Awaitable[object]]
"""Returns when a layer's candidate of a version can answer; raises why it cannot."""

PREPARE_S = 10.0
_logger = logging.getLogger(__name__)


class TrafficTable:
    """One process's table. Use it in one event loop.

    Args:
        prepare: by layer, where candidates have to be loaded first.
        told: is told the revision of each table that was taken.
    """

    def __init__(
        self,
        prepare: Mapping[Layer, Prepare],
        *,
        prepare_timeout_s: float = PREPARE_S,
        told: Callable[[int], None] = lambda revision: None,
    ) -> None:
        self._prepare = prepare
        self._timeout_s = prepare_timeout_s
        self._told = told
        self._held = self._open = Traffic()
        self._preparing: dict[tuple[Layer, str], asyncio.Task[None]] = {}

    @property
    def held(self) -> Traffic:
        """The newest table that was taken."""
        return self._held

    @property
    def waiting(self) -> tuple[Layer, ...]:
        """The layers whose candidates are not ready, so that nobody is in their experiments yet."""
        opened = {s.layer for s in self._open.splits}
        return tuple(s.layer for s in self._held.splits if s.layer not in opened)

    def arms(self, user_id: str) -> Arms:
        """Return a pseudonym's arms."""
        return self._open.arms(user_id)

    def take(self, traffic: Traffic) -> bool:
        """Take over a newer table; return False for one that is not newer, which is left alone."""
        if traffic.revision <= self._held.revision:
            return False
        self._held = traffic
        wanted = {(s.layer, s.candidate) for s in traffic.splits if s.layer in self._prepare}
        for key in self._preparing.keys() - wanted:
            self._preparing.pop(key).cancel()
        for key in wanted - self._preparing.keys():
            preparing = asyncio.ensure_future(self._ready(*key))
            preparing.add_done_callback(lambda _: self._reopen())
            self._preparing[key] = preparing
        self._reopen()
        self._told(traffic.revision)
        _logger.info("traffic revision %d: %s", traffic.revision, traffic.to_dict()["splits"])
        return True

    async def follow(self, read: Callable[[], Traffic], every_s: float = POLL_S) -> None:
        """Take what `read` returns, at once and until cancelled. What cannot be read is left alone."""
        told = ""
        while True:
            try:
                self.take(await asyncio.to_thread(read))
                told = ""
            except (NaviyamError, OSError) as e:
                if str(e) != told:
                    _logger.error(
                        "traffic cannot be read, revision %d stays: %s", self.held.revision, e
                    )
                told = str(e)
            await asyncio.sleep(every_s)

    def to_dict(self) -> dict[str, Any]:
        """Return what /admin/traffic shows."""
        return {**self._held.to_dict(), "waiting": list(self.waiting)}

    async def _ready(self, layer: Layer, version: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._prepare[layer](version)
        except Exception as e:
            why = f"{type(e).__name__}: {e}"
            _logger.error("%s %s is not ready, what serves answers: %s", layer, version, why)

    def _reopen(self) -> None:
        ready = tuple(s for s in self._held.splits if self._is_ready(s))
        self._open = replace(self._held, splits=ready)

    def _is_ready(self, split: Split) -> bool:
        preparing = self._preparing.get((split.layer, split.candidate))
        return preparing is None or preparing.done()
