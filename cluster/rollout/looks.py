"""What was seen at each look at an experiment, kept once by whoever looked: pages and commands need not read the event log again.

The port and its implementation in memory. The last look is kept whole; of every look there is a point: intervals, users,
weight and what was decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A difference at a look, in the metric's unit: the estimate within its confidence sequence."""

    estimate: float
    low: float
    high: float
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A look in a series; `users` are those with a known outcome, by arm."""

    at: datetime
    weight: float
    action: str
    users: Mapping[str, int]
    bands: Mapping[str, Band]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON; a band is `[estimate, low, high, users]`."""
        return {
            "at": self.at.isoformat(),
            "weight": self.weight,
            "action": self.action,
            "users": dict(self.users),
            "bands": {m: [b.estimate, b.low, b.high, b.users] for m, b in self.bands.items()},
        }

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        bands = {
            metric: Band(estimate=estimate, low=low, high=high, users=users)
            for metric, (estimate, low, high, users) in found["bands"].items()
        }
        at = datetime.fromisoformat(found["at"])
        return cls(**{**found, "at": at, "bands": bands})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look: the analysis and the verdict as plain JSON."""

    experiment: str
    at: datetime
    weight: float
    analysis: Mapping[str, Any]
    verdict: Mapping[str, Any]

    def point(self) -> Point:
        """Return its place in the series."""
        differences: Mapping[str, Any] = self.analysis["differences"]
        return Point(
            at=self.at,
            weight=self.weight,
            action=self.verdict["action"],
            users={arm: found["users"] for arm, found in self.analysis["arms"].items()},
            bands={
                metric: Band(
                    users=d["users"], **{k: d["absolute"][k] for k in ("estimate", "low", "high")}
                )
                for metric, d in differences.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "experiment": self.experiment,
            "at": self.at.isoformat(),
            "weight": self.weight,
            "analysis": dict(self.analysis),
            "verdict": dict(self.verdict),
        }

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(**{**found, "at": datetime.fromisoformat(found["at"])})


class Looks(Protocol):
    """Where looks are kept. One writer, the controller; anyone may read."""

    def keep(self, look: Look) -> None:
        """Add a look."""
        ...

    def last(self, experiment: str) -> Look | None:
        """Return the newest look at an experiment, None where nobody has looked."""
        ...

    def series(self, experiment: str, *, limit: int) -> tuple[Point, ...]:
        """Return at most about `limit` looks, evenly thinned, oldest first; first and last are among them."""
        ...


@dataclass(slots=True)
class MemoryLooks:
    """Looks of this process alone; ships for tests and replays."""

    held: dict[str, list[Look]] = field(default_factory=dict)

    def keep(self, look: Look) -> None:
        self.held.setdefault(look.experiment, []).append(look)

    def last(self, experiment: str) -> Look | None:
        return self.held.get(experiment, [None])[-1]

    def series(self, experiment: str, *, limit: int) -> tuple[Point, ...]:
        return tuple(look.point() for look in thinned(self.held.get(experiment, []), limit))


def stride(count: int, limit: int) -> int:
    """Return how many steps to take at once so that about `limit` of `count` are left."""
    return max(1, -(-count // max(1, limit)))


def thinned(found: Sequence[_T], limit: int) -> list[_T]:
    """Return about `limit` of them, evenly, with the last.

    >>> thinned(range(10), 4), thinned(range(3), 4)
    ([0, 3, 6, 9], [0, 1, 2])
    """
    kept = list(found[:: stride(len(found), limit)])
    if found and kept[-1] is not found[-1]:
        kept.append(found[-1])
    return kept
