"""What an experiment's log says, as values: one `Seen` per answer that somebody of the experiment got. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from naviyam.arms import ArmName
from naviyam.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One answer, with what its user made of it.

    `error`: the request failed, or its arm could not answer and the stable one did (an arm's failure is always that arm's).
    `unsafe`: the output screen stopped something. `satisfaction` is 1..5, None where nobody said.
    """

    user_id: str
    arm: ArmName
    at: datetime
    latency_s: float
    clicked: bool = False
    ordered: bool = False
    satisfaction: float | None = None
    error: bool = False
    unsafe: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            InputError: a field is missing, unknown or of another type.
        """
        try:
            values = {**found, "at": datetime.fromisoformat(found["at"])}
            if values["arm"] not in ("stable", "candidate"):
                raise ValueError(f"arm {values['arm']!r} is neither stable nor candidate")
            if values["at"].tzinfo is None:
                raise ValueError(f"time {found['at']!r} has no zone")
            return cls(**values)
        except (KeyError, TypeError, ValueError) as e:
            raise InputError(f"no answer of an experiment: {e}", field="stream") from e


def in_order(stream: Iterable[Seen]) -> tuple[Seen, ...]:
    """Return the answers by time; those at the same time by user."""
    return tuple(sorted(stream, key=lambda seen: (seen.at, seen.user_id)))
