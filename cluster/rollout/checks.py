"""Tests of counts that may be looked at as often as one likes: a share against its limit, and the split against its weights.

Arrays and counts only. Both are mixtures of likelihood ratios, so martingales under their null; Ville's inequality bounds the
chance that they ever reach 1/alpha.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, betaln

F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_HOUR_S: Final = 3600.0
_LEAST_CULPRITS: Final = 3
"""Users that must have met an event before a share may breach: one phone that retries is no candidate that fails."""

_DOUBT_Z: Final = 1.96
_TILTS: Final[F64] = np.outer((-1, 1), 0.02 * 1.3 ** np.arange(22)).ravel()
"""Log odds ratios between the split that was got and the one that was asked for, from 2 % to a factor of 140."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """When a share was above its limit beyond chance."""

    at: int
    """The unit with which it was, counted from 0."""

    events: int
    units: int
    """Of the whole life until then, or of the hour if `hour`."""

    hour: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of events as it stands, and whether it was ever above its limit beyond chance.

    A breach needs all of: enough units, the share above `limit`, at least three users behind the events, and evidence that
    refutes `null`, which is a rate at which nothing would be wrong. It stays one.
    """

    name: str
    events: int
    units: int
    limit: float
    null: float
    log_evidence: float
    """The highest of the whole life so far."""

    judged: bool
    """Whether there is enough to judge by."""

    breach: Breach | None = None
    """The first one."""

    @property
    def share(self) -> float:
        """Of the units; 0 of none."""
        return self.events / self.units if self.units else 0.0

    @property
    def breached(self) -> bool:
        """Whether there ever was a breach."""
        return self.breach is not None

    @property
    def above(self) -> bool:
        """Whether the share is above its limit for now, chance or not."""
        return self.judged and self.share > self.limit


def share(
    name: str,
    event: Bools,
    at_s: F64,
    user: Ints,
    *,
    limit: float,
    null: float,
    least: int,
    alpha: float,
) -> Share:
    """Judge a share of units [n] in order of time.

    The whole life is tested at alpha/2; so that a fault that begins late is found as soon, every hour from the first is
    tested too, hour k at alpha/2 * 6 / (pi k)^2, which sums to alpha/2.

    Args:
        name: of what is judged.
        event: whether each unit was one.
        at_s: seconds from any origin, rising.
        user: whose each unit is.
        limit: share above which the events are too many.
        null: share that must be refuted, at most `limit`, above 0.
        least: units before anything is judged.
        alpha: chance that events at the rate `null` or below ever breach.
    """
    found = [_breach(event, user, limit, null, least=least, threshold=np.log(2 / alpha))]
    for first, last, threshold in _hours(event, at_s, alpha):
        part = slice(first, last)
        hour = _breach(event[part], user[part], limit, null, least=least, threshold=threshold)
        found.append(hour and replace(hour, at=first + hour.at, hour=True))
    size = 1 + np.flatnonzero(event).astype(np.float64)  # only an event adds evidence
    evidence = log_share_evidence(np.arange(1, len(size) + 1, dtype=np.float64), size, null)
    return Share(
        name=name,
        events=int(event.sum()),
        units=len(event),
        limit=limit,
        null=null,
        log_evidence=float(evidence.max(initial=0.0)),
        judged=len(event) >= least,
        breach=min((each for each in found if each), key=lambda each: each.at, default=None),
    )


def log_share_evidence(
    events: F64, units: F64, null: float, *, prior: tuple[float, float] | None = None
) -> F64:
    """Return the log of the evidence [...] that a rate is above `null`: a Beta prior on the rates above it, over the null.

    One-sided beta-binomial mixture (Howard, Ramdas, McAuliffe & Sekhon, Annals of Statistics 49(2), 2021, proposition 7).
    Its prior here is Beta(1, 1 / (2 null)) unless told otherwise: most of it lies up to a few times the null.
    """
    a, b = prior or (1.0, 1 / (2 * null))
    with np.errstate(divide="ignore"):
        after = betaln(a + events, b + units - events) + np.log(
            betaincc(a + events, b + units - events, null)
        )
        before = betaln(a, b) + np.log(betaincc(a, b, null))
    evidence: F64 = after - before - events * np.log(null) - (units - events) * np.log1p(-null)
    return evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """Whether users fall into the arms as the weights say."""

    candidate: int
    users: int
    expected: float
    """Candidates that the weights foretell."""

    log_evidence: float
    """Against the weights, by now."""

    judged: bool
    doubtful: bool
    """Whether it is 1.96 standard deviations off at this look: no proof after many looks, but reason to wait."""

    breached: bool


def sample_ratio(
    candidate: Ints, users: Ints, weight: F64, *, least: int, alpha: float
) -> SampleRatio:
    """Test the newly exposed users of every weight period [p] against the period's weight [p].

    Args:
        candidate: those of them who came to the candidate.
        users: all of them.
        weight: what was asked for.
        least: users before anything is judged.
        alpha: chance that a split as asked for is ever called a breach.
    """
    counted = (weight > 0) & (weight < 1)
    total, came = int(users[counted].sum()), int(candidate[counted].sum())
    foretold = float((users * weight)[counted].sum())
    variance = float((users * weight * (1 - weight))[counted].sum())
    evidence = float(log_ratio_evidence(candidate, users, weight))
    return SampleRatio(
        candidate=came,
        users=total,
        expected=foretold,
        log_evidence=evidence,
        judged=total >= least,
        doubtful=total >= least and (came - foretold) ** 2 > _DOUBT_Z**2 * variance,
        breached=total >= least and evidence >= float(np.log(1 / alpha)),
    )


def log_ratio_evidence(candidate: Ints, users: Ints, weight: F64) -> F64:
    """Return the log of the evidence [...] against a split by `weight` [p], from counts [..., p] of newly exposed users.

    Anytime-valid as in Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022: a mixture of
    likelihood ratios against the known chances. Theirs is a Dirichlet prior over chances that stay; here it is a grid over
    the log odds ratio t between the split that was got and the one that was asked for, which periods of different weights
    share: prod e^(t candidate) / (1 - w + w e^t)^users. A weight of 0 or 1 tells nothing of a split.
    """
    counted = (weight > 0) & (weight < 1)
    k, n, w = candidate[..., counted], users[..., counted], weight[counted]
    per_user = np.log1p(w[:, None] * np.expm1(_TILTS[None, :]))
    log_ratios = k.sum(axis=-1)[..., None] * _TILTS - n @ per_user
    evidence: F64 = np.logaddexp.reduce(log_ratios, axis=-1) - np.log(len(_TILTS))
    return evidence


def _hours(event: Bools, at_s: F64, alpha: float) -> Iterator[tuple[int, int, float]]:
    """Yield the hours with events as first unit, unit after the last, and threshold of the log evidence."""
    if not event.any():
        return
    hour = ((at_s - at_s[0]) // _HOUR_S).astype(np.int64)
    for k in np.unique(hour[event]):
        first, last = np.searchsorted(hour, (k, k + 1))
        yield int(first), int(last), np.log(2 / alpha) + np.log((np.pi * (k + 1)) ** 2 / 6)


def _breach(
    event: Bools, user: Ints, limit: float, null: float, *, least: int, threshold: float
) -> Breach | None:
    """Return the breach at the first unit with which everything that one needs is there."""
    if len(event) < least or event.sum() * np.log(1 / null) < threshold:
        return None  # no more evidence than that is possible
    size = np.arange(1, len(event) + 1, dtype=np.float64)
    count = np.cumsum(event, dtype=np.float64)
    culprits = user[event]
    firsts = np.sort(np.unique(culprits, return_index=True)[1])
    if len(firsts) < _LEAST_CULPRITS:
        return None
    enough = max(least - 1, int(np.flatnonzero(event)[firsts[_LEAST_CULPRITS - 1]]))
    # Between two events the evidence falls, so that an event is the first unit of a breach, or the one that makes enough.
    event = event.copy()
    event[enough] = True
    over = np.flatnonzero(event & (count > limit * size))
    over = over[over >= enough]
    over = over[log_share_evidence(count[over], size[over], null) >= threshold]
    if not len(over):
        return None
    at = int(over[0])
    return Breach(at=at, events=int(count[at]), units=at + 1, hour=False)
