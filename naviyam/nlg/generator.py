"""The port to a language model, and the fall-back of an arm that has another adapter."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from naviyam.arms import Layer
from naviyam.errors import OverloadedError, why

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBy:
    """Which adapter writes, as `name@version`; told once, before the first text, by generators that know."""

    adapter: str


@dataclass(frozen=True, slots=True)
class ArmFailed:
    """A layer's candidate could not begin, and what serves did; told before its first text."""

    layer: Layer


Piece = str | ServedBy | ArmFailed


class Generator(Protocol):
    """The language model: prompt to text, streamed.

    Closing the iterator early cancels the work. Raises `OverloadedError` when its queue is full. `overrides` are
    sampling values other than the configured ones; they are handed over only where there are some.
    """

    def stream(
        self,
        prompt: str,
        *,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] = ...,
    ) -> AsyncIterator[Piece]: ...


class ArmGenerator:
    """Writes with the adapter that was asked for; with what serves, where that one has not begun in time.

    As with every arm (`naviyam.dialogue.armed`), the candidate is to blame only where what serves then writes.
    """

    def __init__(self, generator: Generator, *, timeout_s: float) -> None:
        self._generator = generator
        self._timeout_s = timeout_s

    async def stream(
        self, prompt: str, *, adapter: str | None, request_id: str, **more: Any
    ) -> AsyncGenerator[Piece, None]:
        """Yield the text; see `Generator`."""
        if adapter is not None:
            stream = self._generator.stream(prompt, adapter=adapter, request_id=request_id, **more)
            async with closing(stream):
                begun = await self._begun(stream, adapter)
                for piece in begun:
                    yield piece
                if begun:
                    async for piece in stream:
                        yield piece
                    return
        blamed = adapter is None
        stream = self._generator.stream(prompt, adapter=None, request_id=request_id, **more)
        async with closing(stream):
            async for piece in stream:
                if not blamed and isinstance(piece, str):
                    blamed = True
                    yield ArmFailed("adapter")
                yield piece

    async def _begun(self, stream: AsyncIterator[Piece], adapter: str) -> list[Piece]:
        """Return the pieces up to the first text, none where the candidate fails, ends or is late before it.

        Raises:
            OverloadedError: the queue is full, for whichever adapter.
        """
        pieces: list[Piece] = []
        reason = "wrote nothing"
        try:
            async with asyncio.timeout(self._timeout_s):
                async for piece in stream:
                    pieces.append(piece)
                    if isinstance(piece, str):
                        return pieces
        except OverloadedError:
            raise
        except Exception as e:
            reason = why(e)
        _logger.warning("adapter %s failed: %s", adapter, reason)
        return []


@asynccontextmanager
async def closing(stream: AsyncIterator[Piece]) -> AsyncGenerator[None, None]:
    """Close a stream at the end, which cancels what still runs behind it."""
    try:
        yield
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
