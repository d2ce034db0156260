"""Figures of what simulated children saw and did, per route, arm and version, with bootstrap intervals by child. Pure.

The simulator knows what is relevant, so beside what happened (click, order, satisfaction) stands what was to be expected:
the expected number of clicks of the served order, and of the same shops shuffled, reversed, and best first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.intervals import Estimate, Resample, estimate_of
from naviyam.simulation.visit import Seen

RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Figures of all answers of one route by one arm and version."""

    route: str
    group: Mapping[str, str]
    answers: int
    users: int
    figures: Mapping[str, Estimate]


def _expected(seen: Seen, order: npt.NDArray[np.integer]) -> float:
    return float(seen.examination @ seen.relevance[order])


METRICS: Final[Mapping[str, Callable[[Seen], float]]] = {
    "ctr": lambda s: float(s.clicked.any()),
    "clicks": lambda s: float(s.clicked.sum()),
    "order_rate": lambda s: float(s.ordered is not None),
    "favorites": lambda s: float(s.favorited.sum()),
    "satisfaction": lambda s: s.satisfaction,
    "relevance_at_3": lambda s: float(s.relevance[:3].mean()),
    "expected_clicks": lambda s: _expected(s, np.arange(len(s.relevance))),
    "expected_if_shuffled": lambda s: float(s.examination.sum() * s.relevance.mean()),
    "expected_if_reversed": lambda s: _expected(s, np.arange(len(s.relevance))[::-1]),
    "expected_if_best_first": lambda s: _expected(s, np.argsort(-s.relevance)),
}
"""A value of one answer; figures are means over answers. The last four are of the truth, not of what happened."""


def figures_of(seen: Sequence[Seen], *, seed: int = 0) -> tuple[GroupFigures, ...]:
    """Return the figures of every route and group, most answers first."""
    groups: dict[tuple[str, ...], list[Seen]] = {}
    for each in seen:
        groups.setdefault((each.route, *each.group.values()), []).append(each)
    found = [_figures(members, seed) for members in groups.values()]
    return tuple(sorted(found, key=lambda g: (-g.answers, g.route, *g.group.values())))


def _figures(seen: Sequence[Seen], seed: int) -> GroupFigures:
    users, of = np.unique([s.user for s in seen], return_inverse=True)
    resample = Resample.of(of, draws=RESAMPLES, seed=seed)
    figures = {
        name: estimate_of(resample.means(np.array([metric(s) for s in seen], np.float64)))
        for name, metric in METRICS.items()
    }
    return GroupFigures(
        route=seen[0].route,
        group=dict(seen[0].group),
        answers=len(seen),
        users=len(users),
        figures=figures,
    )
