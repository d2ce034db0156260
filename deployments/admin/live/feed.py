"""One replica's snapshots for all who watch: parts read side by side at a pace, made once, sent to every viewer.

While nobody watches nothing is read. A part that fails or takes too long costs the others nothing: it is sent as it was
last, marked stale, with why; it is not asked again before it has come back.
"""

import asyncio
import json
import logging
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from naviyam.clock import Clock
from naviyam.errors import NaviyamError, OverloadedError
from naviyam.settings import Admin

_logger = logging.getLogger(__name__)


class Part(Protocol):
    """One part of a snapshot."""

    @property
    def name(self) -> str:
        """Its key in the snapshot."""
        ...

    @property
    def every_s(self) -> float:
        """Seconds between two readings at least; 0 reads it for every snapshot."""
        ...

    def begin(self) -> None:
        """Get ready: somebody watches after nobody did. Blocks; called before the first `read`."""
        ...

    def read(self) -> Mapping[str, Any]:
        """Return it as plain JSON; blocks for a bounded time."""
        ...

    def past(self) -> Mapping[str, Any] | None:
        """Return what a new viewer is told of the time before, None where there is nothing."""
        ...


@dataclass(slots=True, kw_only=True)
class _Held:
    """How a part is by now."""

    part: Part
    value: Mapping[str, Any] | None = None
    at: str = ""
    error: str = ""
    begun: bool = False
    due_s: float = float("-inf")
    reading: "asyncio.Task[None] | None" = None

    def to_dict(self) -> dict[str, Any]:
        return {"at": self.at, "stale": bool(self.error), "error": self.error, "value": self.value}


@dataclass(slots=True, kw_only=True)
class _Round:
    """What is sent; viewers wait for the next one."""

    frame: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    """The snapshots of one process. Belongs to one event loop; `poke` may be called from any thread.

    Args:
        parts: in the order in which they are sent.
        settings: pace and limits.
        clock: gives the times.
    """

    def __init__(self, parts: Sequence[Part], *, settings: Admin, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._held = [_Held(part=part) for part in parts]
        self._pool = ThreadPoolExecutor(max(1, len(parts)), thread_name_prefix="live")
        self._viewers = 0
        self._number = 0
        self._next = _Round()
        self._last: _Round | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poked = asyncio.Event()

    @property
    def viewers(self) -> int:
        """How many watch."""
        return self._viewers

    @property
    def number(self) -> int:
        """How many snapshots were made."""
        return self._number

    def poke(self) -> None:
        """Make the next snapshot now: something was changed."""
        if self._loop is not None and self._viewers:
            self._loop.call_soon_threadsafe(self._poked.set)

    async def watch(self) -> AsyncGenerator[str, None]:
        """Yield server-sent events: `past`, then `snapshot` again and again, `bye` when it is time to come again.

        Raises:
            OverloadedError: too many watch already.
        """
        self._enter()
        try:
            ends_s = self._clock.monotonic_s() + self._settings.live_for_s
            current = self._last or await self._following()
            yield frame_of("past", self._past())
            while True:
                yield current.frame
                if self._clock.monotonic_s() > ends_s:
                    yield frame_of("bye", {})
                    return
                current = await self._following()
        finally:
            self._leave()

    async def _following(self) -> _Round:
        awaited = self._next
        await awaited.ready.wait()
        return awaited

    def _enter(self) -> None:
        if self._viewers >= self._settings.live_viewers:
            raise OverloadedError(
                f"{self._viewers} watch this replica already (admin.live_viewers); close a page",
                retry_after_s=self._settings.live_every_s,
            )
        self._viewers += 1
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._last = None
            for held in self._held:
                held.begun, held.due_s = False, float("-inf")
            self._task = asyncio.create_task(self._run())

    def _leave(self) -> None:
        self._viewers -= 1
        if not self._viewers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            # From beginning to beginning: figures are of so many whole spans of what is counted in steps.
            ends_s = self._clock.monotonic_s() + self._settings.live_every_s
            await self._round()
            self._poked.clear()
            try:
                await asyncio.wait_for(
                    self._poked.wait(), max(0.0, ends_s - self._clock.monotonic_s())
                )
                for held in self._held:
                    held.due_s = float("-inf")
            except TimeoutError:
                pass

    async def _round(self) -> None:
        now_s = self._clock.monotonic_s()
        for held in self._held:
            if held.reading is not None and held.reading.done():
                held.reading = None
            if held.reading is None and now_s >= held.due_s:
                held.due_s = now_s + held.part.every_s
                held.reading = asyncio.create_task(self._read(held))
        reading = [h.reading for h in self._held if h.reading is not None]
        if reading:
            await asyncio.wait(reading, timeout=self._settings.live_timeout_s)
        for held in self._held:
            if held.reading is not None and not held.reading.done():
                held.error = f"no answer within {self._settings.live_timeout_s:g} s"
            elif held.reading is not None:
                held.reading = None
        self._number += 1
        done, self._next = self._next, _Round()
        done.frame = frame_of("snapshot", self._snapshot())
        self._last = done
        done.ready.set()

    async def _read(self, held: _Held) -> None:
        assert self._loop is not None
        try:
            if not held.begun:
                await self._loop.run_in_executor(self._pool, held.part.begin)
                held.begun = True
            held.value = await self._loop.run_in_executor(self._pool, held.part.read)
            held.at, held.error = self._clock.now().isoformat(timespec="seconds"), ""
        except NaviyamError as e:
            held.error = str(e)
        except Exception as e:  # one part's fault must not end the page
            _logger.exception("live part %s failed", held.part.name)
            held.error = type(e).__name__

    def _past(self) -> dict[str, Any]:
        told = {h.part.name: h.part.past() for h in self._held}
        return {name: past for name, past in told.items() if past is not None}

    def _snapshot(self) -> dict[str, Any]:
        return {
            "number": self._number,
            "at": self._clock.now().isoformat(timespec="milliseconds"),
            "every_s": self._settings.live_every_s,
            "viewers": self._viewers,
            "parts": {h.part.name: h.to_dict() for h in self._held},
        }


def frame_of(name: str, data: Mapping[str, Any]) -> str:
    """Return a server-sent event; numbers that JSON does not know become null."""
    try:
        text = json.dumps(data, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), ensure_ascii=False, default=str)
    return f"event: {name}\ndata: {text}\n\n"


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(v) for key, v in value.items()}
        case list() | tuple():
            return [_finite(v) for v in value]
        case _:
            return value
