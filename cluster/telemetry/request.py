"""What is known of the request that this task works for: its ids, and what of it must not be written into a log.

It does not cross processes by itself: `carrier` is handed over with a call, `received` takes it up.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from naviyam.text.personal import mask

Carrier = Mapping[str, str]
"""`request_id` and, where the request is traced, `traceparent` (W3C)."""

REQUEST_ID = "request_id"
TRACEPARENT = "traceparent"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_HIDDEN = "[hidden]"
_SHORT = 4


def _no_parent() -> str:
    return ""


@dataclass(slots=True, kw_only=True)
class Request:
    """One request. `parent` returns the `traceparent` of the span that is open where it is called."""

    request_id: str
    trace_id: str = ""
    parent: Callable[[], str] = _no_parent
    hidden: list[re.Pattern[str]] = field(default_factory=list)


_current: ContextVar[Request | None] = ContextVar("naviyam_request", default=None)


def current() -> Request | None:
    """Return the request of this task, None outside of one."""
    return _current.get()


def request_id() -> str:
    """Return the id of the request of this task, "" outside of one."""
    request = _current.get()
    return "" if request is None else request.request_id


def hide(*texts: str) -> None:
    """Keep these words of the current request out of its log lines."""
    request = _current.get()
    if request is None:
        return
    for text in texts:
        if not text:
            continue
        word = re.escape(text)
        pattern = rf"(?<!\w){word}(?!\w)" if len(text) < _SHORT else word
        request.hidden.append(re.compile(pattern))


def without_hidden(text: str) -> str:
    """Return a text without what the current request hides and without numbers and addresses of persons."""
    request = _current.get()
    if request is not None:
        for pattern in request.hidden:
            text = pattern.sub(_HIDDEN, text)
    return mask(text)


def carrier(traceparent: str = "") -> Carrier:
    """Return what a call to another process takes along, by default below the open span; {} outside of a request."""
    request = _current.get()
    if request is None:
        return {}
    parent = traceparent or request.parent()
    held = {REQUEST_ID: request.request_id}
    return {**held, TRACEPARENT: parent} if parent else held


@contextmanager
def working_for(request: Request) -> Iterator[None]:
    """Let `request` be the current one inside."""
    token = _current.set(request)
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator may be closed from another task
            _current.reset(token)


def chosen_id(given: str | None) -> str:
    """Return a caller's id where it is well-formed and names nobody's number, else a new one.

    >>> chosen_id("order-7f3a.2"), len(chosen_id("a b")), len(chosen_id("010-1234-5678"))
    ('order-7f3a.2', 32, 32)
    """
    if given is not None and _WELL_FORMED.fullmatch(given) and mask(given) == given:
        return given
    return secrets.token_hex(16)
