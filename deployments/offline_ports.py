"""Ports of the offline writer: they do what the service's do, and note what was asked of them. Nothing is kept."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from naviyam.clock import Clock
from naviyam.nlg.brief import SLOT, WriteRequest, realise, slot_values
from naviyam.nlg.draft import Sentence
from naviyam.nlg.generator import Generator
from naviyam.nlg.sentences import split_sentences
from naviyam.nlg.writer import Writer, Written
from naviyam.settings import Writing

if TYPE_CHECKING:
    from deployments.engine import LLMEngine


class NotingGenerator:
    """The engine as the writer's port; keeps what it wrote until it is asked for."""

    def __init__(self, engine: "LLMEngine") -> None:
        self._engine = engine
        self._wrote: dict[str, str] = {}

    async def stream(
        self,
        prompt: str,
        *,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[str]:
        """Yield the text and note it."""
        pieces = self._engine.generate(
            prompt, adapter=adapter, request_id=request_id, overrides=overrides
        )
        async with aclosing(pieces):
            async for piece in pieces:
                self._wrote[request_id] = self._wrote.get(request_id, "") + piece
                yield piece

    def take(self, request_id: str) -> str:
        """Return the raw text of a request, "" where the model was not asked, and forget it."""
        return self._wrote.pop(request_id, "")


class NotingWriter(Writer):
    """The service's writer; keeps the request of every answer until it is asked for."""

    def __init__(self, settings: Writing, generator: Generator | None, clock: Clock) -> None:
        super().__init__(settings, generator, clock)
        self.requests: dict[str, WriteRequest] = {}

    async def write(self, request: WriteRequest) -> AsyncGenerator[Sentence | Written]:
        """Write as ever."""
        self.requests[request.request_id] = request
        async with aclosing(super().write(request)) as pieces:
            async for piece in pieces:
                yield piece


class Nowhere:
    """An event sink that keeps nothing: these conversations never took place."""

    async def interaction(self, record: dict[str, Any]) -> None: ...

    async def feedback(self, record: dict[str, Any]) -> bool:
        return False

    async def operator(self, record: dict[str, Any]) -> None: ...

    async def forget(self, user_id: str, *, at: datetime) -> None: ...


def filled(raw: str, request: WriteRequest) -> str:
    """Return what a model wrote with the facts filled in; a slot that is not there stays as it was written."""
    values = dict(slot_values(request))
    return " ".join(
        realise(s.strip(), values | {m[0]: m[0] for m in SLOT.finditer(s) if m[0] not in values})
        for s in split_sentences(raw)
        if s.strip()
    )
