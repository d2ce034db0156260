"""Time per stage and what went wrong on the way, for one turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from naviyam.arms import Arms, Layer
from naviyam.clock import Clock
from naviyam.dialogue.turn import STAGES
from naviyam.spans import NO_SPANS, Spans


@dataclass(slots=True, kw_only=True)
class Trace:
    """Local to one turn. `problems` are stable reasons for a degraded answer, in the order they came."""

    clock: Clock
    started_s: float
    stages_ms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    parts_ms: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    arms: Arms = field(default_factory=dict)
    """Of the user of this turn, none without consent."""

    arm_errors: list[Layer] = field(default_factory=list)
    """Layers whose arm could not answer, so that the stable one did."""

    spans: Spans = NO_SPANS

    @classmethod
    def start(cls, clock: Clock, received_s: float, spans: Spans = NO_SPANS) -> "Trace":
        """Begin a turn that arrived at `received_s`; what passed since is the first stage."""
        trace = cls(clock=clock, started_s=received_s, spans=spans)
        waited_s = max(0.0, clock.monotonic_s() - received_s)
        trace.stages_ms["receive"] = waited_s * 1_000
        spans.past("stage", "receive", waited_s)
        return trace

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to a stage of `STAGES`."""
        began = self.clock.monotonic_s()
        try:
            with self.spans.span("stage", name):
                yield
        finally:
            self.stages_ms[name] += (self.clock.monotonic_s() - began) * 1_000

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time inside to a part of a stage (`retrieve`, `funnels`)."""
        began = self.clock.monotonic_s()
        try:
            with self.spans.span("part", name):
                yield
        finally:
            spent = (self.clock.monotonic_s() - began) * 1_000
            self.parts_ms[name] = self.parts_ms.get(name, 0.0) + spent

    def elapsed_s(self) -> float:
        """Return seconds since the message arrived."""
        return self.clock.monotonic_s() - self.started_s
