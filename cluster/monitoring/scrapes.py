"""What a service counted between two readings of its Prometheus pages: increases, rates, quantiles. Pure.

A page is one target's (a node's); a series belongs to one process, which starts again at 0 when the process does. So a
value below the one before is a restart and counts whole; a series that was not there before was born since and counts whole
too, but only where its page was read before, since else nobody knows when it grew.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Sorted by name."""

Series = tuple[str, Labels]
Page = Mapping[Series, float]

_COUNTERS = ("_total", "_bucket", "_count", "_sum")
INFINITE = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """The pages of all targets at one time; `missing` did not answer."""

    at_s: float
    """By a clock that never goes back."""

    pages: Mapping[str, Page]
    missing: tuple[str, ...] = ()

    def gauges(self, name: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Return every series of a gauge with its labels."""
        return tuple(
            (dict(labels), value)
            for page in self.pages.values()
            for (found, labels), value in page.items()
            if found == name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase:
    """How much every counter grew in `seconds`."""

    seconds: float
    values: Mapping[Series, float] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Return the growth of all series of a counter that have these labels."""
        return sum(self.by(name, "", **labels).values())

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return the growth of a counter for each value of a label, of the series that have `labels`."""
        found: dict[str, float] = {}
        wanted = labels.items()
        for (counter, own), value in self.values.items():
            if counter != name:
                continue
            held = dict(own)
            if wanted <= held.items():
                key = held.get(label, "")
                found[key] = found.get(key, 0.0) + value
        return found

    def rate(self, name: str, **labels: str) -> float:
        """Return the growth of a counter a second."""
        return self.total(name, **labels) / self.seconds if self.seconds > 0 else 0.0

    def histogram(self, name: str, **labels: str) -> "Histogram":
        """Return what was observed in a histogram."""
        return Histogram.of(self.by(f"{name}_bucket", "le", **labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Observations up to each bound, cumulative, the bounds rising and the last infinite."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, buckets: Mapping[str, float]) -> "Histogram":
        """Return the histogram of growths by `le`."""
        rising = sorted((float(le), count) for le, count in buckets.items() if le)
        return cls(bounds=tuple(b for b, _ in rising), counts=tuple(c for _, c in rising))

    @property
    def count(self) -> float:
        """How many were observed."""
        return self.counts[-1] if self.counts else 0.0

    def quantile(self, q: float) -> float | None:
        """Return a quantile, even within its bucket as Prometheus has it; None of nothing.

        Beyond the last finite bound it is that bound: no more is known.

        >>> Histogram(bounds=(1.0, 2.0, INFINITE), counts=(5.0, 10.0, 10.0)).quantile(0.75)
        1.5
        """
        if not self.count:
            return None
        wanted = q * self.count
        below, low = 0.0, 0.0
        for bound, upto in zip(self.bounds, self.counts, strict=True):
            if upto >= wanted and upto > below:
                if bound == INFINITE:
                    return low
                return low + (bound - low) * (wanted - below) / (upto - below)
            below, low = max(below, upto), bound
        return low


def increase(before: Scrape, after: Scrape) -> Increase:
    """Return how much was counted from one scrape to the next, of the targets that answered both times."""
    grown: dict[Series, float] = {}
    for target, page in after.pages.items():
        old = before.pages.get(target)
        if old is None:
            continue
        for series, value in page.items():
            if series[0].endswith(_COUNTERS):
                was = old.get(series, 0.0)
                more = value - was if value >= was else value
                if more:
                    grown[series] = grown.get(series, 0.0) + more
    return Increase(seconds=after.at_s - before.at_s, values=grown)


def together(increases: Iterable[Increase]) -> Increase:
    """Return what was counted over several spans, one after the other."""
    values: dict[Series, float] = {}
    seconds = 0.0
    for each in increases:
        seconds += each.seconds
        for series, more in each.values.items():
            values[series] = values.get(series, 0.0) + more
    return Increase(seconds=seconds, values=values)


def page_of(
    samples: Iterable[tuple[str, Mapping[str, str], float]],
    *,
    rename: Callable[[str], str] = str,
    without: frozenset[str] = frozenset(),
) -> Page:
    """Return a page of samples: names as `rename` has them, labels in `without` dropped."""
    page: dict[Series, float] = {}
    for name, labels, value in samples:
        kept = tuple(sorted((k, v) for k, v in labels.items() if k not in without))
        page[rename(name), kept] = value
    return page
