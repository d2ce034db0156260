"""What the controller ticks: parts of the control plane, each with a period and guarded from the others. No Ray."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cluster.jobs.store import Leases
from naviyam.clock import Clock

_logger = logging.getLogger(__name__)
LEASE = "controller"
_LEAST_LEASE_S = 5.0
_IDLE_S = 0.1


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
    trouble: str = ""
    """Why this process could not say that it lives, "" where it could."""

    health: dict[str, Health] = field(default_factory=dict)
    _due_s: dict[str, float] = field(default_factory=dict)
    _renew_s: float = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Tick every part in a thread of its own until `stop`: a long look of one holds up no other. Blocks."""
        threads = [
            threading.Thread(target=self._run, args=(part, stop), name=part.name, daemon=True)
            for part in self.parts
        ]
        for thread in threads:
            thread.start()
        while not stop.wait(_IDLE_S):
            try:
                if self._may_act():
                    self.beat(self.state())
                self.trouble = ""
            except Exception as e:  # the database may be away; this loop must outlive it
                if not self.trouble:
                    _logger.exception("the lease or the sign of life failed")
                self.trouble = f"{type(e).__name__}: {e}"
        for thread in threads:
            thread.join()

    def round(self) -> bool:
        """Tick what is due, one after the other; return whether this process may act at all."""
        for part in self.parts:
            if not self._may_act():
                return False
            self._tick_if_due(part)
        self.beat(self.state())
        return True

    def _run(self, part: Part, stop: threading.Event) -> None:
        while not stop.wait(_IDLE_S):
            if self.acts:
                self._tick_if_due(part)

    def _may_act(self) -> bool:
        """Take the lease, or renew it when half of its time is over."""
        now_s = self.clock.monotonic_s()
        if self.acts and now_s < self._renew_s:
            return True
        self.acts = False
        self.acts = self.leases.acquire(
            LEASE, self.holder, now=self.clock.now(), ttl_s=self.lease_s
        )
        self._renew_s = now_s + self.lease_s / 2
        return self.acts

    def _tick_if_due(self, part: Part) -> None:
        if self.clock.monotonic_s() >= self._due_s.get(part.name, float("-inf")):
            self._tick(part)

    def stop(self) -> None:
        """Give the lease back."""
        self.leases.release(LEASE, self.holder)

    def state(self) -> dict[str, Any]:
        """Return who acts and how each part does, as JSON's types."""
        return {
            "holder": self.holder,
            "acts": self.acts,
            "trouble": self.trouble,
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
