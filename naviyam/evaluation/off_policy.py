"""What another order of the shops would have been worth, from answers that were served by the order of the time.

Rows are answers with up to K ranks. An answer was drawn rank by rank, and its propensity at rank k is the chance of the
shop at k given those before it (`naviyam.ranker.explore`), so its weight under a target policy up to rank k is
w_k = prod_{j<=k} target_j / propensity_j. What a user does at rank k is taken to depend on the shops at ranks up to k and
not on those below: a reader goes from the top. Under that and where every answer of the target could have been served:

- `ips`: mean of sum_k w_k r_k (reward-interaction IPS: McInerney et al., KDD 2020, eq. 7); unbiased, high variance.
- `snips`: each rank's sum over the sum of its weights (Swaminathan & Joachims, NeurIPS 2015); a little bias, less variance.
- `dr`: mean of sum_k w_{k-1} V_k + w_k (r_k - Q_k) (doubly robust: Dudik et al., ICML 2011; by rank: Kiyohara et al., WSDM
  2022, eq. 9). Q_k is what a model of rewards expects from rank k on of what was served, V_k of what the target would do
  there. Unbiased whatever the model, and of low variance where it is good.
- `naive`: mean reward as served; the value of the policy that served and of no other.

Weights are clipped at `clip`, which trades bias for variance (Ionides 2008); the share that was clipped is told. Intervals
draw users (`intervals`). numpy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError
from naviyam.intervals import Estimate, Resample, estimate_of, paired

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

ESTIMATORS: Final = ("naive", "ips", "snips", "dr")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logged:
    """Answers as served: `propensity` and `reward` [n, K], `user` [n] any integer that names who saw it.

    Behind the last shop of a shorter answer stand propensity 1 and reward 0 (in a `Target` 1 and 0 as well).
    """

    propensity: F64
    reward: F64
    user: Ints

    def __post_init__(self) -> None:
        if self.propensity.shape != self.reward.shape or len(self.user) != len(self.reward):
            raise InputError(
                f"propensities {self.propensity.shape}, rewards {self.reward.shape} and {len(self.user)} users "
                "must be of the same answers"
            )
        if not ((self.propensity > 0) & (self.propensity <= 1 + 1e-6)).all():
            raise InputError(
                "a logged propensity is outside (0, 1]; such an answer cannot be weighed"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A policy seen on the same answers, every part [n, K].

    `probability` is the chance of the served shop at rank k given the served shops before it. `expected_served` (Q) is
    what the reward model expects from rank k on if the served shop stands there and the target goes on, `expected`
    (V) if the target chooses already at rank k.
    """

    probability: F64
    expected_served: F64
    expected: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a target policy is worth per answer, by estimator, and how much of the log speaks for it."""

    estimates: Mapping[str, Estimate]
    effective_sample_size: float
    """(sum w)^2 / sum w^2 of the whole answers' weights (Kong 1992): answers of the target that the log is worth."""

    clipped_share: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **{name: e.to_dict() for name, e in self.estimates.items()},
            "effective_sample_size": round(self.effective_sample_size, 1),
            "clipped_share": round(self.clipped_share, 5),
        }


def weights(logged: Logged, target: Target, *, clip: float) -> F64:
    """Return the running products of target over propensity [n, K], at most `clip`."""
    clipped: F64 = np.minimum(_products(logged, target), clip)
    return clipped


def evaluate(
    logged: Logged, target: Target, *, clip: float = 100.0, draws: int = 1_000, seed: int = 7
) -> Value:
    """Return every estimate of the target's value with its interval.

    Raises:
        InputError: there is no answer to weigh.
    """
    sampled = Resample.of(logged.user, draws=draws, seed=seed)
    return _value(logged, target, sampled, clip)


def compare(
    logged: Logged,
    candidate: Target,
    champion: Target,
    *,
    clip: float = 100.0,
    draws: int = 1_000,
    seed: int = 7,
) -> tuple[Value, Value, dict[str, Estimate]]:
    """Return both values and the paired differences, candidate minus champion over the same drawn users."""
    sampled = Resample.of(logged.user, draws=draws, seed=seed)
    pair = [_replicates(logged, t, sampled, clip) for t in (candidate, champion)]
    difference = {name: paired(pair[0][name], pair[1][name]) for name in ESTIMATORS[1:]}
    return (
        _value(logged, candidate, sampled, clip, pair[0]),
        _value(logged, champion, sampled, clip, pair[1]),
        difference,
    )


def _value(
    logged: Logged,
    target: Target,
    sampled: Resample,
    clip: float,
    replicates: Mapping[str, F64] | None = None,
) -> Value:
    whole = _products(logged, target)
    last = np.minimum(whole[:, -1], clip)
    found = replicates or _replicates(logged, target, sampled, clip)
    return Value(
        estimates={name: estimate_of(found[name]) for name in ESTIMATORS},
        effective_sample_size=float(last.sum() ** 2 / max(float((last**2).sum()), 1e-12)),
        clipped_share=float((whole > clip).any(axis=1).mean()),
    )


def _replicates(logged: Logged, target: Target, sampled: Resample, clip: float) -> dict[str, F64]:
    """Return every estimate on every drawn sample [draws + 1]."""
    w = weights(logged, target, clip=clip)
    before = np.concatenate([np.ones((len(w), 1)), w[:, :-1]], axis=1)
    robust = before * target.expected + w * (logged.reward - target.expected_served)
    ranks = np.zeros(len(sampled.counts))
    for k in range(w.shape[1]):
        gained, weighed = sampled.totals(w[:, k] * logged.reward[:, k]), sampled.totals(w[:, k])
        ranks += np.divide(gained, weighed, out=np.zeros_like(gained), where=weighed > 0)
    return {
        "naive": sampled.means(logged.reward.sum(axis=1)),
        "ips": sampled.means((w * logged.reward).sum(axis=1)),
        "snips": ranks,
        "dr": sampled.means(robust.sum(axis=1)),
    }


def _products(logged: Logged, target: Target) -> F64:
    """Return the weights before they are clipped [n, K]."""
    running: F64 = np.cumprod(target.probability / logged.propensity, axis=1, dtype=np.float64)
    return running
