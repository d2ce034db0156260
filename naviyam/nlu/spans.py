"""The small value that every finder returns: what was found where in the cleaned text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ANY_MEANS = "any"
"""Value of the entity `payment_method` where the card is said not to matter: the filter is not set, one said before ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A finding. `key` is a filter's name; `value` is in spec 7's vocabulary; `negated`: said as unwanted."""

    key: str
    value: Any
    start: int
    end: int
    negated: bool = False


def overlaps(start: int, end: int, spans: Iterable[Span]) -> bool:
    """Tell whether a half-open range shares a character with one of the spans."""
    return any(start < s.end and s.start < end for s in spans)
