"""What a person does with a shop that is shown: look, click, order, save, rate. Chances are known, so they are the truth.

A shop at position k is looked at with chance k ** -exponent and, once looked at, clicked by its relevance alone (the
examination hypothesis: Craswell et al. 2008; the shape: Joachims et al. 2017). Utilities come from `town`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def examination(position: npt.NDArray[np.integer[Any]], exponent: float) -> Floats:
    """Return the chance of being looked at by 1-based position [n]; 1 at the first.

    >>> examination(np.array([1, 2, 4]), 1.0).tolist()
    [1.0, 0.5, 0.25]
    """
    chance: Floats = position.astype(np.float64) ** -exponent
    return chance


def click_chance(utility: Floats) -> Floats:
    """Return the relevance: the chance that a shop which is looked at is clicked, sigmoid(1.2 utility - 2)."""
    return _sigmoid(1.2 * utility - 2.0)


def order_chance(utility: Floats) -> Floats:
    """Return the chance that a clicked shop is ordered from, sigmoid(1.2 utility - 1.5)."""
    return _sigmoid(1.2 * utility - 1.5)


def favorite_chance(utility: Floats) -> Floats:
    """Return the chance that a clicked shop is saved, half of sigmoid(utility - 2.5)."""
    return 0.5 * _sigmoid(utility - 2.5)


def stars(utility: float, noise: float) -> float:
    """Return the rating of a meal, 1 to 5.

    >>> stars(1.0, 0.0), stars(9.0, 0.0)
    (4.0, 5.0)
    """
    return float(np.clip(round(3.6 + 0.55 * (utility - 1.0) + noise), 1, 5))


def satisfaction(
    relevance: float, *, response_time_s: float, degraded: bool, noise: float
) -> float:
    """Return how content a child is with a whole answer, 1 to 5, by the best it looked at and the wait beyond 2 s.

    >>> satisfaction(0.9, response_time_s=1.0, degraded=False, noise=0.0)
    5.0
    >>> satisfaction(0.9, response_time_s=8.0, degraded=True, noise=0.0)
    3.0
    """
    value = 2.6 + 2.6 * relevance - 0.25 * max(response_time_s - 2.0, 0.0) - 0.6 * degraded
    return float(np.clip(round(value + noise), 1, 5))


def _sigmoid(x: Floats) -> Floats:
    chance: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return chance
