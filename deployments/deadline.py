"""Events up to a deadline. No HTTP, no Ray."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from naviyam.clock import Clock
from naviyam.dialogue.turn import Event, Failed


class Deadline:
    """Ends turns that take too long.

    A turn runs in a task of its own, which is cancelled once and cleans up undisturbed: a web framework may cancel the
    reader of the events again and again while it closes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    async def keep(
        self, events: AsyncGenerator[Event, None], at_s: float, late: Failed
    ) -> AsyncGenerator[Event, None]:
        """Pass events on until the clock's monotonic time `at_s`, then `late`."""
        queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        task = asyncio.create_task(_pump(events, queue))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            while True:
                left_s = at_s - self._clock.monotonic_s()
                try:
                    event = await asyncio.wait_for(queue.get(), max(left_s, 0.001))
                except TimeoutError:
                    task.cancel()
                    yield late
                    return
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    return
                yield event
                if isinstance(event, Failed):
                    return
        finally:
            task.cancel()


async def _pump(
    events: AsyncGenerator[Event, None], queue: "asyncio.Queue[Event | Exception | None]"
) -> None:
    """Put every event, then None or the exception that ended them."""
    try:
        async with aclosing(events):
            async for event in events:
                queue.put_nowait(event)
        queue.put_nowait(None)
    except Exception as e:
        queue.put_nowait(e)
