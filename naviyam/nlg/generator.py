"""The port to a language model."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBy:
    """Which adapter writes, as `name@version`; told once, before the first text, by generators that know."""

    adapter: str


class Generator(Protocol):
    """The language model: prompt to text, streamed.

    Closing the iterator early cancels the work. Raises `OverloadedError` when its queue is full.
    """

    def stream(
        self, prompt: str, *, adapter: str | None, request_id: str
    ) -> AsyncIterator[str | ServedBy]: ...
