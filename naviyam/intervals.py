"""Intervals by the percentile bootstrap, paired where two systems are measured on the same rows. numpy only, seeded.

Whole users (or whatever a row's `unit` names) are drawn, since one user's rows are alike: Efron & Tibshirani 1993, ch. 13.
A pair is measured on the same drawn users, so that what both find hard cancels out.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its 95 % interval."""

    mean: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return plain values, rounded to five places."""
        return {"mean": round(self.mean, 5), "low": round(self.low, 5), "high": round(self.high, 5)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resample:
    """Drawn samples: `counts` [draws + 1, units] says how often each unit counts, `index` [n] whose each row is.

    Sample 0 is the rows themselves; in the others units were drawn with replacement.
    """

    counts: F64
    index: Ints

    @classmethod
    def of(cls, unit: Ints, *, draws: int, seed: int) -> Self:
        """Draw the units of rows [n].

        Raises:
            InputError: there is no row.
        """
        if not len(unit):
            raise InputError("there is no row to draw from; nothing can be estimated")
        names, index = np.unique(unit, return_inverse=True)
        n = len(names)
        drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
        return cls(counts=np.vstack([np.ones(n), drawn]), index=index.reshape(-1))

    def totals(self, values: F64) -> F64:
        """Return the sum of `values` [n] on every sample [draws + 1]."""
        total: F64 = self.counts @ np.bincount(
            self.index, weights=values, minlength=self.counts.shape[1]
        )
        return total

    def ratio(self, above: F64, below: F64) -> F64:
        """Return the sum of `above` [n] over that of `below` [n] on every sample, nan where that is 0."""
        total, size = self.totals(above), self.totals(below)
        found: F64 = np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0)
        return found

    def means(self, values: F64, counted: npt.NDArray[np.bool_] | None = None) -> F64:
        """Return the mean of `values` [n] on every sample, nan where none of `counted` was drawn."""
        kept = np.ones(len(values)) if counted is None else counted.astype(np.float64)
        return self.ratio(np.where(kept > 0, values, 0.0), kept)


def estimate_of(replicates: F64) -> Estimate:
    """Return the figure of the sample itself (first) with the 2.5 % and 97.5 % quantiles of the others.

    A draw that could not be figured (nan: nobody in it had anything relevant) is left out.
    """
    others = replicates[1:][np.isfinite(replicates[1:])]
    if not len(others):
        return Estimate(mean=float(replicates[0]), low=float("nan"), high=float("nan"))
    low, high = np.quantile(others, (0.025, 0.975))
    return Estimate(mean=float(replicates[0]), low=float(low), high=float(high))


def paired(candidate: F64, champion: F64) -> Estimate:
    """Return the difference of two figures from their replicates over the same draws, candidate minus champion."""
    return estimate_of(candidate - champion)
