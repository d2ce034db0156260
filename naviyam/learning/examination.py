"""How likely somebody looks at a rank: estimated from clicks under the position-based model. Pure.

A click needs a look and a liking: P(click) = rank ** -b * worth. Impressions of about the same worth form a stratum; within one
clicks fall with the rank as looks do, and b has the greatest conditional likelihood over all strata (after Wang et al. 2018,
"Position bias estimation for unbiased learning to rank in personal search", who shuffle). The served score stands for the
worth, in bins of equal size. Explored lists are no exception: they are drawn by the score, and not uniformly.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.settings import Learning

EXPONENTS: Final = np.linspace(0, 2, 81)
STRATA: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Rank ** -`exponent` is the chance of a look; `method` says where the exponent is from."""

    exponent: float
    method: str
    clicks: int

    def chance(self, rank: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Return the chance of a look at each rank [n]."""
        chance: npt.NDArray[np.float64] = np.maximum(rank, 1).astype(np.float64) ** -self.exponent
        return chance.astype(np.float32)


def estimate_examination(
    rank: npt.NDArray[np.integer],
    clicked: npt.NDArray[np.bool_],
    score: npt.NDArray[np.floating],
    options: Learning,
) -> Examination:
    """Return the estimate from impressions [n], the settings' where they hold too few clicks."""
    clicks = int(clicked.sum())
    if clicks >= options.min_position_clicks:
        edges = np.quantile(score, np.linspace(0, 1, STRATA + 1)[1:-1])
        found = fit_exponent(rank, clicked, np.searchsorted(edges, score, side="right"))
        return Examination(exponent=found, method="strata of the served score", clicks=clicks)
    return Examination(
        exponent=options.position_exponent, method="learning.position_exponent", clicks=clicks
    )


def fit_exponent(
    rank: npt.NDArray[np.integer],
    clicked: npt.NDArray[np.bool_],
    stratum: npt.NDArray[np.integer],
) -> float:
    """Return the exponent of `EXPONENTS` with the greatest likelihood of where in their stratum the clicks fell."""
    log_rank = np.log(np.maximum(rank, 1).astype(np.float64))
    likelihood = np.zeros(len(EXPONENTS))
    for one in np.unique(stratum):
        here = stratum == one
        clicks: Any = clicked[here].sum()
        looks = np.exp(-EXPONENTS[:, None] * log_rank[here]).sum(1)
        likelihood -= EXPONENTS * log_rank[here & clicked].sum() + clicks * np.log(looks)
    return float(EXPONENTS[np.argmax(likelihood)])
