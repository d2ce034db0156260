"""The durable event sink: `naviyam.dialogue.ports.EventSink` over append logs of this process."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from naviyam.clock import Clock
from naviyam.feedback.log import AppendLog
from naviyam.feedback.reader import FEEDBACK, INTERACTIONS, OPERATOR, TOMBSTONES


class DurableSink:
    """Interactions, feedback and tombstones below one folder; one object per process.

    Args:
        events: `settings.paths.events`.
        clock: names and ages segments.
        fsync_window_s: how long a writer waits for company before it syncs.
    """

    def __init__(self, events: Path, *, clock: Clock, fsync_window_s: float) -> None:
        self._interactions, self._feedback, self._tombstones, self._operator = (
            AppendLog(events / kind, clock=clock, window_s=fsync_window_s)
            for kind in (INTERACTIONS, FEEDBACK, TOMBSTONES, OPERATOR)
        )

    async def interaction(self, record: dict[str, Any]) -> None:
        await asyncio.wrap_future(self._interactions.append(record))

    async def feedback(self, record: dict[str, Any]) -> bool:
        return await asyncio.wrap_future(self._feedback.append(record))

    async def operator(self, record: dict[str, Any]) -> None:
        await asyncio.wrap_future(self._operator.append(record))

    async def forget(self, user_id: str, *, at: datetime) -> None:
        """Mark every record of a user up to `at` as gone; readers and compaction honour it."""
        record = {"user_id": user_id, "recorded_at": at.isoformat()}
        await asyncio.wrap_future(self._tombstones.append(record))

    def close(self) -> None:
        """Write what waits and close the segments."""
        for log in (self._interactions, self._feedback, self._tombstones, self._operator):
            log.close()
