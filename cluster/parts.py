"""What the controller ticks: parts of the control plane, each with a period and guarded from the others. No Ray."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cluster.jobs.store import Leases
from naviyam.clock import Clock

_logger = logging.getLogger(__name__)
LEASE = "controller"
_LEAST_LEASE_S = 5.0


class Part(Protocol):
    """One part: jobs, schedule, rollouts, monitoring. Its state is in the store; it must bear being killed anywhere."""

    @property
    def name(self) -> str:
        """Return its name in status and logs."""
        ...

    @property
    def every_s(self) -> float:
        """Return its period in seconds of the machine."""
        ...

    def tick(self, now: datetime) -> None:
        """Look and act once. What it raises is logged and counted, and the other parts go on."""
        ...


@dataclass(slots=True, kw_only=True)
class Health:
    """How a part has been doing since this process began."""

    ticks: int = 0
    errors: int = 0
    errors_in_row: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    last_at: datetime | None = None
    last_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "ticks": self.ticks,
            "errors": self.errors,
            "errors_in_row": self.errors_in_row,
            "last_error": self.last_error,
            "last_error_at": self.last_error_at and self.last_error_at.isoformat(),
            "last_at": self.last_at and self.last_at.isoformat(),
            "last_s": round(self.last_s, 4),
        }


@dataclass(slots=True, kw_only=True)
class Parts:
    """Ticks the parts whose time has come, as long as this process holds the lease.

    Args:
        parts: in the order in which they are ticked.
        leases: where the right to act is held.
        holder: names this process among all.
        clock: gives the times.
        lease_s: how long the right outlives a process that was killed.
        beat: is told the state after every round.
    """

    parts: Sequence[Part]
    leases: Leases
    holder: str
    clock: Clock
    lease_s: float = _LEAST_LEASE_S
    beat: Callable[[dict[str, Any]], None] = lambda state: None
    acts: bool = False
    health: dict[str, Health] = field(default_factory=dict)
    _due_s: dict[str, float] = field(default_factory=dict)
    _renew_s: float = float("-inf")

    def round(self) -> bool:
        """Tick what is due; return whether this process may act at all."""
        for part in self.parts:
            if not self._may_act():
                return False
            if self.clock.monotonic_s() >= self._due_s.get(part.name, float("-inf")):
                self._tick(part)
        self.beat(self.state())
        return True

    def _may_act(self) -> bool:
        """Take the lease, or renew it when half of its time is over."""
        now_s = self.clock.monotonic_s()
        if self.acts and now_s < self._renew_s:
            return True
        self.acts = self.leases.acquire(
            LEASE, self.holder, now=self.clock.now(), ttl_s=self.lease_s
        )
        self._renew_s = now_s + self.lease_s / 2
        return self.acts

    def stop(self) -> None:
        """Give the lease back."""
        self.leases.release(LEASE, self.holder)

    def state(self) -> dict[str, Any]:
        """Return who acts and how each part does, as JSON's types."""
        return {
            "holder": self.holder,
            "acts": self.acts,
            "at": self.clock.now().isoformat(),
            "parts": {part.name: self._health(part).to_dict() for part in self.parts},
        }

    def _tick(self, part: Part) -> None:
        health = self._health(part)
        began_s = self.clock.monotonic_s()
        self._due_s[part.name] = began_s + part.every_s
        try:
            part.tick(self.clock.now())
        except Exception as e:  # a part's error is its own: the others go on
            health.errors += 1
            health.errors_in_row += 1
            health.last_error = f"{type(e).__name__}: {e}"[:1_000]
            health.last_error_at = self.clock.now()
            log = _logger.exception if health.errors_in_row == 1 else _logger.warning
            log("part %s failed (%d in a row): %s", part.name, health.errors_in_row, e)
        else:
            health.errors_in_row = 0
        health.ticks += 1
        health.last_at = self.clock.now()
        health.last_s = self.clock.monotonic_s() - began_s

    def _health(self, part: Part) -> Health:
        return self.health.setdefault(part.name, Health())
