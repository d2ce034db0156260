"""Where the time of a turn goes, for whoever draws traces: a port, and the one that draws nothing. Pure.

A span holds names, numbers and types; never a text of a user, never a user.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

SpanKind = Literal["stage", "part"]


class Spans(Protocol):
    """Draws spans below the one that is open in the caller's context."""

    def span(self, kind: SpanKind, name: str) -> AbstractContextManager[None]:
        """Open a span; what is raised inside marks it failed, by its type alone."""
        ...

    def past(self, kind: SpanKind, name: str, seconds: float) -> None:
        """Draw a span that ends now and took `seconds`."""
        ...

    def error(self, error: BaseException) -> None:
        """Mark the open span failed, by the type of what was caught inside it."""
        ...


NOTHING = nullcontext()


class NoSpans:
    """Draws nothing."""

    def span(self, kind: SpanKind, name: str) -> AbstractContextManager[None]:
        return NOTHING

    def past(self, kind: SpanKind, name: str, seconds: float) -> None:
        return

    def error(self, error: BaseException) -> None:
        return


NO_SPANS = NoSpans()
