"""Two ways to make one order of several: by scores, which serves, and by ranks, which is measured beside it. Pure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ranking = tuple[npt.NDArray[np.int32], float]
"""Distinct rows, best first, and the weight of the list."""


def fuse(
    rankings: Sequence[Ranking], *, k: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return rows by their fused score, best first, and the scores in 0..1.

    A row's score is the sum over lists of weight / (k + rank), ranks from 1 (Cormack, Clarke and Buettcher,
    SIGIR 2009), divided by what a row gets that is first in every list. Ties go to the lower row.

    >>> rows, scores = fuse([(np.array([7, 3], np.int32), 1.0), (np.array([7], np.int32), 1.0)], k=60)
    >>> rows.tolist(), [round(float(s), 3) for s in scores]
    ([7, 3], [1.0, 0.492])
    """
    used = [(rows, weight) for rows, weight in rankings if len(rows) and weight > 0]
    if not used:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    every = np.concatenate([rows for rows, _ in used])
    gains = np.concatenate([w / (k + np.arange(1, len(rows) + 1)) for rows, w in used])
    unique, position = np.unique(every, return_inverse=True)
    total = np.bincount(position, weights=gains, minlength=len(unique))
    best = sum(weight for _, weight in used) / (k + 1.0)
    order = np.argsort(-total, kind="stable")
    scores = np.clip(total[order] / best, 0.0, 1.0).astype(np.float32)
    return unique[order].astype(np.int32), scores


def stretched(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return scores moved to 0..1, the least 0 and the greatest 1; all 0 where they do not differ.

    >>> stretched(np.array([0.2, 0.3, 0.4])).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    values = scores.astype(np.float64)
    if not len(values):
        return values
    least, greatest = values.min(), values.max()
    out: npt.NDArray[np.float64] = (values - least) / max(greatest - least, 1e-9)
    return out
