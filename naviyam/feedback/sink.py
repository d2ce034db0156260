"""The durable event sink: `naviyam.dialogue.ports.EventSink` over append logs of this process."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from naviyam.clock import Clock
from naviyam.feedback.keys import KeyTable, OpenKeys
from naviyam.feedback.log import AppendLog, Commit
from naviyam.feedback.schema import KINDS
from naviyam.feedback.ship import Shipper
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings


class DurableSink:
    """Interactions, feedback and tombstones of one store; one object per process.

    Args:
        store: where events lie.
        clock: names and ages segments.
        settings: `events` says when segments close and are shipped, `serving` how long a sync waits for company.
        told: is told of every batch that was written or not, in the logs' threads.
        open_keys: opens the tables of keys; the default serves the processes of one machine.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        clock: Clock,
        settings: Settings,
        told: Callable[[Commit], None] = lambda commit: None,
        open_keys: OpenKeys = KeyTable,
    ) -> None:
        self._interactions, self._feedback, self._tombstones, self._operator = self._logs = tuple(
            AppendLog(
                store.spool / kind,
                clock=clock,
                keys=partial(store.keys, kind),
                open_keys=open_keys,
                window_s=settings.serving.feedback_fsync_window_s,
                max_records=settings.events.segment_records,
                max_age_s=settings.events.segment_age_s,
                told=told,
            )
            for kind in KINDS
        )
        self._shipper = (
            Shipper(store, every_s=settings.events.ship_every_s) if store.ships else None
        )

    async def interaction(self, record: dict[str, Any]) -> None:
        await asyncio.wrap_future(self._interactions.append(record))

    async def feedback(self, record: dict[str, Any]) -> bool:
        return await asyncio.wrap_future(self._feedback.append(record))

    async def operator(self, record: dict[str, Any]) -> None:
        await asyncio.wrap_future(self._operator.append(record))

    async def forget(self, user_id: str, *, at: datetime) -> None:
        """Mark every record of a user up to `at` as gone: readers leave it out at once, compaction removes it."""
        record = {"user_id": user_id, "recorded_at": at.isoformat()}
        await asyncio.wrap_future(self._tombstones.append(record))

    def close(self) -> None:
        """Write what waits, close the segments and ship them."""
        for log in self._logs:
            log.close()
        if self._shipper is not None:
            self._shipper.close()
