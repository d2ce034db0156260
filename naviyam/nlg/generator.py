"""The port to a language model."""

from collections.abc import AsyncIterator
from typing import Protocol


class Generator(Protocol):
    """The language model: prompt to text, streamed.

    Closing the iterator early cancels the work. Raises `OverloadedError` when its queue is full.
    """

    def stream(
        self, prompt: str, *, adapter: str | None, request_id: str
    ) -> AsyncIterator[str]: ...
