"""Exploration: now and then the best few candidates are shown in a drawn order, and the chance of what was shown is known.

The policy over a pool of candidates, given best first, is a mixture: with chance 1 - `share` the pool's own order, with
chance `share` a Plackett-Luce draw without replacement, in which the next shop is `i` with a chance proportional to
exp(score_i / temperature) among those left (Plackett 1975; drawn as a Gumbel top-k, Kool et al. 2019).

The propensity at rank k is the exact chance of the shop at k given the shops that stand before it, the coin of the
mixture included: P(first k) / P(first k - 1). So the product of an answer's propensities is the chance of the whole
answer, and their running product the chance of its beginning: what the estimators of `naviyam.evaluation.off_policy`
use. Without exploration every propensity is 1. Pure; no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """`order` holds indices into the pool, best first; `propensity` is that of each rank."""

    order: tuple[int, ...]
    propensity: tuple[float, ...]
    explored: bool


def draw(
    scores: Sequence[float], *, count: int, share: float, temperature: float, seed: int
) -> Drawn:
    """Draw `count` of the pool. The same seed gives the same answer.

    Args:
        scores: of the pool's candidates in the order of the ranker.
        count: how many are shown; all where the pool holds fewer.
        share: chance in 0..1 that the order is drawn at all.
        temperature: of the draw, in units of the score.
        seed: such as `seed_of(interaction_id)`.

    Raises:
        InputError: `share` is outside 0..1 or `temperature` is not above 0.
    """
    if not 0 <= share <= 1 or temperature <= 0:
        raise InputError(
            f"exploration share {share} must lie in 0..1 and temperature {temperature} above 0"
        )
    count = min(count, len(scores))
    own = tuple(range(count))
    if not share or count == 0 or len(scores) < 2:
        return Drawn(order=own, propensity=(1.0,) * count, explored=False)
    rng = np.random.default_rng(seed)
    explored = bool(rng.random() < share)
    order = own
    if explored:
        noisy = np.asarray(scores, np.float64) / temperature + rng.gumbel(size=len(scores))
        order = tuple(np.argsort(-noisy, kind="stable")[:count].tolist())
    return Drawn(
        order=order,
        propensity=propensities(order, scores, share=share, temperature=temperature),
        explored=explored,
    )


def propensities(
    order: Sequence[int], scores: Sequence[float], *, share: float, temperature: float
) -> tuple[float, ...]:
    """Return the chance of each rank of `order` given the ranks before it, under the mixture.

    >>> propensities([0, 1], [0.5, 0.5], share=0.0, temperature=1.0)
    (1.0, 1.0)
    >>> [round(p, 3) for p in propensities([1, 0], [0.5, 0.5, 0.5], share=0.3, temperature=1.0)]
    [0.1, 0.5]
    """
    found: list[float] = []
    drawn = before = 1.0
    own = True
    worth = np.exp((np.asarray(scores, np.float64) - max(scores)) / temperature)
    left = np.ones(len(scores), bool)
    for k, i in enumerate(order):
        drawn *= float(worth[i] / worth[left].sum())
        left[i] = False
        own = own and i == k
        now = (1 - share) * own + share * drawn
        found.append(now / before)
        before = now
    return tuple(found)
