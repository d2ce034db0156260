"""Traces across processes: the port, and the one that traces nothing. Pure."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from naviyam.spans import NOTHING, NoSpans, Spans

Value = str | int | float | bool
Role = Literal["ingress", "inner"]
"""Whether a process decides which requests are traced, or goes by what its caller decided."""


class Tracer(Spans, Protocol):
    """`Spans`, and what begins and carries them."""

    def server(
        self, name: str, traceparent: str, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[None]:
        """Open the span of a request that came in, below its caller's where it names one."""
        ...

    def client(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[str]:
        """Draw the span of a stream that is read from elsewhere; gives the `traceparent` that goes there, "" for none.

        It does not become the open one: between two pieces of a stream its reader does other things.
        """
        ...

    def note(self, name: str, attributes: Mapping[str, Value]) -> None:
        """Add to the open span and name it anew; "" leaves its name."""
        ...

    def parent(self) -> str:
        """Return the `traceparent` of the open span, "" where there is none."""
        ...

    def trace_id(self) -> str:
        """Return the open span's trace as 32 hex digits, "" where there is none."""
        ...

    def close(self) -> None:
        """Send what waits."""
        ...


_NO_PARENT = nullcontext("")


class NoTracer(NoSpans):
    """Traces nothing."""

    def server(
        self, name: str, traceparent: str, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[None]:
        return NOTHING

    def client(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[str]:
        return _NO_PARENT

    def note(self, name: str, attributes: Mapping[str, Value]) -> None:
        return

    def parent(self) -> str:
        return ""

    def trace_id(self) -> str:
        return ""

    def close(self) -> None:
        return


NO_TRACER = NoTracer()
