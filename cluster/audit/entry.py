"""One act of a person on the service as a value, and the port to where acts are kept. No I/O.

An act is written down before it is done and completed after: one that is still `begun` long after was cut off, and only
what it changed can say whether it came to pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from naviyam.errors import NotFoundError

Outcome = Literal["begun", "done", "refused", "failed"]
"""`refused`: the service said no and changed nothing by it; `failed`: it broke on the way."""

Facts = Mapping[str, Any]
_NOTHING: Facts = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody is about to do."""

    at: datetime
    who: str
    """The key that was used, by its name or its fingerprint: what the caller cannot choose."""

    said_by: str = ""
    """The person whom the caller named; anything may stand here."""

    what: str
    """Such as `experiment.weight`."""

    target: str = ""
    why: str = ""
    before: Facts = field(default_factory=dict)
    """What it is changed from, plain JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An act and what became of it; `number` rises in the order of beginning."""

    number: int
    act: Act
    outcome: Outcome = "begun"
    after: Facts = field(default_factory=dict)
    words: str = ""
    """Why it was refused or failed."""

    ended_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        act = self.act
        return {
            "number": self.number,
            "at": act.at.isoformat(),
            "who": act.who,
            "said_by": act.said_by,
            "what": act.what,
            "target": act.target,
            "why": act.why,
            "before": dict(act.before),
            "after": dict(self.after),
            "outcome": self.outcome,
            "words": self.words,
            "ended_at": self.ended_at and self.ended_at.isoformat(),
        }


class Audit(Protocol):
    """Where acts are kept. Each call is atomic and durable, from any process."""

    def begin(self, act: Act) -> int:
        """Write down what is about to be done; return its number."""
        ...

    def end(
        self,
        number: int,
        *,
        outcome: Outcome,
        at: datetime,
        after: Facts = _NOTHING,
        words: str = "",
    ) -> None:
        """Write down what became of it.

        Raises:
            NotFoundError: there is no such act.
        """
        ...

    def entries(self, *, limit: int, below: int | None = None) -> tuple[Entry, ...]:
        """Return acts, the newest first; `below` leaves out this number and later ones."""
        ...


@dataclass(slots=True)
class MemoryAudit:
    """Acts of this process alone; ships for tests."""

    held: dict[int, Entry] = field(default_factory=dict)

    def begin(self, act: Act) -> int:
        number = len(self.held) + 1
        self.held[number] = Entry(number=number, act=act)
        return number

    def end(
        self,
        number: int,
        *,
        outcome: Outcome,
        at: datetime,
        after: Facts = _NOTHING,
        words: str = "",
    ) -> None:
        if number not in self.held:
            raise no_act(number)
        self.held[number] = replace(
            self.held[number], outcome=outcome, after=after, words=words, ended_at=at
        )

    def entries(self, *, limit: int, below: int | None = None) -> tuple[Entry, ...]:
        found = [
            e for n, e in sorted(self.held.items(), reverse=True) if below is None or n < below
        ]
        return tuple(found[:limit])


def no_act(number: int) -> NotFoundError:
    """Return the error for an act that nobody began."""
    return NotFoundError(f"no act {number} was begun; `naviyam audit` lists them")
