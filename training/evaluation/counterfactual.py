"""What two rankers would have been worth on logged answers. Pure: answers and scores in, values with intervals out.

The policies judged show the best of the same pool by their own scores, without exploration. The reward model that the
doubly robust estimate leans on is the mean of both rankers' chances of a choice, so that it favours neither, times a factor
per rank; the factors are learned from the other half of the users, so that no answer is judged by what it taught itself
(cross-fitting: Chernozhukov et al. 2018, section 3).
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.evaluation.off_policy import Logged, Target, compare
from training.evaluation.answers import Answer

F64 = npt.NDArray[np.float64]


def values(
    answers: Sequence[Answer],
    candidate: Sequence[F64],
    champion: Sequence[F64],
    *,
    weight_limit: float,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Return values and differences, chosen shops per answer; the scores hold one array [pool] per answer."""
    logged = logged_of(answers)
    chance = [(one + other) / 2 for one, other in zip(candidate, champion, strict=True)]
    expected = expected_choices(answers, logged, chance)
    targets = [target_of(answers, scores, expected) for scores in (candidate, champion)]
    one, other, difference = compare(
        logged, targets[0], targets[1], clip=weight_limit, draws=draws, seed=seed
    )
    return {
        "answers": len(answers),
        "users": len({a.user_id for a in answers}),
        "explored_share": round(float(np.mean([a.explored for a in answers])), 4),
        "as_served": one.estimates["naive"].to_dict(),
        "candidate": _without_naive(one.to_dict()),
        "champion": _without_naive(other.to_dict()),
        "difference": {name: e.to_dict() for name, e in difference.items()},
    }


def logged_of(answers: Sequence[Answer]) -> Logged:
    """Return propensities and choices as arrays [n, K], users numbered by their ids' order."""
    width = max(len(a.order) for a in answers)
    propensity, reward = np.ones((len(answers), width)), np.zeros((len(answers), width))
    for i, a in enumerate(answers):
        propensity[i, : len(a.order)] = a.propensity
        reward[i, : len(a.order)] = a.chosen
    names = {u: n for n, u in enumerate(sorted({a.user_id for a in answers}))}
    return Logged(
        propensity=np.minimum(propensity, 1.0),
        reward=reward,
        user=np.array([names[a.user_id] for a in answers]),
    )


def expected_choices(
    answers: Sequence[Answer], logged: Logged, chances: Sequence[F64]
) -> list[F64]:
    """Return the reward model's expectation [pool, K] per answer."""
    width = logged.reward.shape[1]
    half = np.array([blake2b(a.user_id.encode(), digest_size=1).digest()[0] % 2 for a in answers])
    chance, seen = np.zeros(logged.reward.shape), np.zeros(logged.reward.shape, bool)
    for i, (a, p) in enumerate(zip(answers, chances, strict=True)):
        chance[i, : len(a.order)] = p[list(a.order)]
        seen[i, : len(a.order)] = True
    factors = np.zeros((2, width))
    for part in (0, 1):
        other = half != part
        total = (chance * seen)[other].sum(axis=0)
        factors[part] = np.divide(
            logged.reward[other].sum(axis=0), total, out=np.zeros(width), where=total > 0
        )
    return [np.clip(p[:, None] * factors[h], 0.0, 1.0) for p, h in zip(chances, half, strict=True)]


def target_of(answers: Sequence[Answer], scores: Sequence[F64], expected: Sequence[F64]) -> Target:
    """Return the policy that shows the best of each pool by `scores`; equals stay in the pool's order."""
    shape = (len(answers), max(len(a.order) for a in answers))
    probability, served, best = np.ones(shape), np.zeros(shape), np.zeros(shape)
    for i, (a, score, model) in enumerate(zip(answers, scores, expected, strict=True)):
        wished = np.argsort(-score, kind="stable").tolist()
        for k, here in enumerate(a.order):
            goes_on = [j for j in wished if j not in a.order[:k]]
            stays = [here, *(j for j in goes_on if j != here)]
            ranks = range(k, len(a.order))
            probability[i, k] = goes_on[0] == here
            best[i, k] = sum(model[j, r] for j, r in zip(goes_on, ranks, strict=False))
            served[i, k] = sum(model[j, r] for j, r in zip(stays, ranks, strict=False))
    return Target(probability=probability, expected_served=served, expected=best)


def _without_naive(found: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in found.items() if k != "naive"}
