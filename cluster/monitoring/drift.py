"""Whether inputs and features are distributed as in the week before: PSI and Kolmogorov-Smirnov. No I/O.

PSI = sum over bins of (q - p) ln(q / p), p the reference's share and q the current one's. Bins come from the reference alone:
each value its own where there are few, else its deciles, whose edges belong to the lower bin so that a heap of equal
values stays together; what the reference never showed has a bin of its own among the few. Half an observation is added to
each bin, so that an empty one is not infinite. A feature that is constant in both weeks has PSI 0; one that was constant
and no longer is has two bins.

Chance alone makes a PSI above 0: with B bins and samples n and m that come from the same distribution, PSI / (1/n + 1/m)
is about chi-square with B - 1 degrees (Yurdakul, Statistical properties of population stability index, 2018). One child's
answers are alike, so n and m are first divided by their design effect (Rao & Scott 1981, first order). A PSI is only told
where it is above its `1 - FALSE_SHARE / columns` quantile as well: below the threshold of noise nothing is drift.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from cluster.monitoring.alerts import Level, Reading
from cluster.monitoring.source import Column

FALSE_SHARE = 0.01
"""Chance that any of the columns compared at once is called drifted where none is."""

_FEW = 24
_DECILES = np.linspace(0.1, 0.9, 9)
_SMOOTH = 0.5
_NAMED = 3

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One column, week against week. `noise` is the PSI that chance may make; `ks` is None for what has no order."""

    name: str
    psi: float
    noise: float
    ks: float | None
    ks_p: float | None
    bins: int
    reference: int
    current: int

    def level(self, *, warn: float, alarm: float) -> Level:
        """Return how bad it is, OK where chance explains it."""
        if self.psi < warn or self.psi <= self.noise:
            return Level.OK
        return Level.ALARM if self.psi >= alarm else Level.WARN

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain values, rounded to five places."""
        return {
            name: round(value, 5) if isinstance(value, float) else value
            for name in self.__slots__
            for value in (getattr(self, name),)
        }


def psi_of(reference: F64, current: F64) -> float:
    """Return the PSI of two lists of shares [bins], each above 0.

    >>> round(psi_of(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 6)
    0.040547
    """
    return float(np.sum((current - reference) * np.log(current / reference)))


def shares(counts: Ints) -> F64:
    """Return counts [bins] as shares, half an observation added to each."""
    smoothed: F64 = (counts + _SMOOTH) / (counts.sum() + _SMOOTH * len(counts))
    return smoothed


def ks_of(reference: F64, current: F64) -> float:
    """Return the greatest distance of two empirical distribution functions."""
    both = np.concatenate([reference, current])
    below = [np.searchsorted(np.sort(v), both, side="right") / len(v) for v in (reference, current)]
    return float(np.max(np.abs(below[0] - below[1])))


def compare(name: str, reference: Column, current: Column, *, columns: int) -> Drift | None:
    """Return a column's drift, None where one of the weeks is empty. `columns` is how many are compared at once."""
    if not len(reference.values) or not len(current.values):
        return None
    places, bins = _binned(reference.values, current.values)
    counts = [np.bincount(place, minlength=bins) for place in places]
    sizes = [
        len(place) / _design_effect(place, column.unit, bins)
        for place, column in zip(places, (reference, current), strict=True)
    ]
    ordered = np.issubdtype(reference.values.dtype, np.number)
    ks = ks_of(reference.values, current.values) if ordered else None
    return Drift(
        name=name,
        psi=psi_of(shares(counts[0]), shares(counts[1])) if bins > 1 else 0.0,
        noise=_noise(bins, sizes, FALSE_SHARE / columns),
        ks=ks,
        ks_p=None if ks is None else _ks_chance(ks, sizes),
        bins=bins,
        reference=len(reference.values),
        current=len(current.values),
    )


def compare_all(
    reference: Mapping[str, Column], current: Mapping[str, Column]
) -> tuple[Drift, ...]:
    """Return the drift of every column that both weeks have, the greatest first."""
    names = sorted(set(reference) & set(current))
    found = (compare(n, reference[n], current[n], columns=len(names)) for n in names)
    return tuple(sorted((d for d in found if d is not None), key=lambda d: (-d.psi, d.name)))


def judge(
    rule: str,
    drifts: Sequence[Drift],
    answers: Iterable[int],
    *,
    least: int,
    warn: float,
    alarm: float,
) -> Reading:
    """Return the reading of columns compared at once; `answers` of both weeks must be at least `least`."""
    sizes = tuple(answers)
    if min(sizes) < least or not drifts:
        words = f"not judged: {' and '.join(f'{n:,}' for n in sizes)} answers, {least:,} are needed"
        return Reading(rule=rule, level=None, value=None, statement=words)
    levels = {d.name: d.level(warn=warn, alarm=alarm) for d in drifts}
    worst = max(levels.values())
    bad = [d for d in drifts if levels[d.name] > Level.OK]
    named = bad[:_NAMED] or drifts[:1]
    words = ", ".join(f"{d.name} PSI {d.psi:.3f} (chance to {d.noise:.3f})" for d in named)
    if len(bad) > len(named):
        words += f" and {len(bad) - len(named)} more"
    words = f"{len(bad)} of {len(drifts)} moved; {words}"
    return Reading(rule=rule, level=worst, value=named[0].psi, statement=words)


def _binned(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> tuple[list[Ints], int]:
    values = np.unique(reference)
    if len(values) <= _FEW or not np.issubdtype(reference.dtype, np.number):
        places = []
        for column in (reference, current):
            at = np.minimum(np.searchsorted(values, column), len(values) - 1)
            places.append(np.where(values[at] == column, at, len(values)).astype(np.int64))
        return places, len(values) + int((places[1] == len(values)).any())
    edges = np.unique(np.quantile(reference, _DECILES, method="inverted_cdf"))
    made = [np.searchsorted(edges, column, side="left") for column in (reference, current)]
    return [p.astype(np.int64) for p in made], len(edges) + 1


def _design_effect(place: Ints, unit: Ints, bins: int) -> float:
    """Return by how much answers of the same users blur the shares of bins, at least 1."""
    names, index = np.unique(unit, return_inverse=True)
    size = len(place)
    if len(names) < 2:
        return float(size)  # one user's answers say nothing of others
    if bins < 2 or len(names) == size:
        return 1.0
    own = np.bincount(index, minlength=len(names))
    cell, count = np.unique(index * bins + place, return_counts=True)
    at_bin, at_unit = cell % bins, cell // bins
    p = np.bincount(place, minlength=bins) / size
    # sum over users of (y - n p)^2: the cells that are not 0, then what (n p)^2 adds for all
    square = np.bincount(
        at_bin, weights=count**2.0 - 2.0 * count * own[at_unit] * p[at_bin], minlength=bins
    )
    variance = (
        (square + p**2 * float(np.sum(own.astype(np.float64) ** 2))) * len(names) / (len(names) - 1)
    )
    seen = (p > 0) & (p < 1)
    if not seen.any():
        return 1.0
    effect = variance[seen] / (size * p[seen])  # (1 - p) x variance / (n p (1 - p))
    return max(1.0, float(effect.sum()) / max(1, int(seen.sum()) - 1))


def _noise(bins: int, sizes: Sequence[float], chance: float) -> float:
    if bins < 2:
        return 0.0
    return float(special.chdtri(bins - 1, chance)) * sum(1 / n for n in sizes)


def _ks_chance(ks: float, sizes: Sequence[float]) -> float:
    effective = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    return float(special.kolmogorov(np.sqrt(effective) * ks))
