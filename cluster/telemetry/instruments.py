"""Instruments as data, a port to count on, and labels that stay few. No Ray, no Prometheus.

No label names a user, a session, a shop or a word of a message. Each label has at most `MOST_VALUES` values in a process; later
ones are counted under `other`, so that a fault cannot fill Prometheus.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

MOST_VALUES = 40
OTHER = "other"
PREFIX = "ray_"
"""What Ray puts before every name."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One metric as the code names it. `bounds` are a histogram's upper bounds."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...] = ()
    meaning: str
    bounds: tuple[float, ...] = ()

    @property
    def exported(self) -> tuple[str, ...]:
        """The names that Prometheus sees."""
        name = PREFIX + self.name
        if self.kind == "counter":
            return (f"{name}_total",)
        if self.kind == "gauge":
            return (name,)
        return f"{name}_bucket", f"{name}_sum", f"{name}_count"


class Meter(Protocol):
    """Takes one value of one instrument; never fails, never waits."""

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        """Add to a counter, set a gauge or observe in a histogram."""
        ...


@dataclass(slots=True)
class MemoryMeter:
    """Keeps everything, for tests and for a service without Ray."""

    values: dict[tuple[str, tuple[str, ...]], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        key = instrument.name, tuple(labels[name] for name in instrument.labels)
        self.values[key].append(value)

    def total(self, instrument: Instrument, *labels: str) -> float:
        """Return the sum of what was recorded under these labels."""
        return sum(self.values.get((instrument.name, labels), ()))

    def last(self, instrument: Instrument, *labels: str) -> float | None:
        """Return what was recorded last under these labels, None where nothing was."""
        values = self.values.get((instrument.name, labels))
        return values[-1] if values else None


class NoMeter:
    """Counts nothing."""

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        return


class Counts:
    """Records on a meter and keeps labels bounded. One a process."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._known: dict[tuple[str, str], set[str]] = defaultdict(set)

    def take(self, instrument: Instrument, value: float = 1.0, **labels: object) -> None:
        """Record a value; a label's text is cut to what Prometheus shows well."""
        bounded = {name: self._bounded(instrument, name, str(v)) for name, v in labels.items()}
        self._meter.record(instrument, value, bounded)

    def _bounded(self, instrument: Instrument, name: str, value: str) -> str:
        known = self._known[instrument.name, name]
        value = value[:80] or "none"
        if value in known:
            return value
        if len(known) >= MOST_VALUES:
            return OTHER
        known.add(value)
        return value
