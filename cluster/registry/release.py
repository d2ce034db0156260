"""Whether a trained candidate may be released: the rules of spec 1 as pure functions over measured metrics.

No I/O. Every verdict says why in words and numbers; `note` is one Korean line for operators. Names of metrics:
adapters `score` (0 to 1, the offline score), `perplexity`, `grounded`, `safe`; rankers `precision_at_5`,
`ndcg_at_5` and, where it could be measured, `auc_before` (on what the champion was judged by); the classifier
`intent_accuracy`. Gains are relative to the champion: 0.02 is 2 %.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeGuard

from naviyam.settings import Release

OFFLINE_GAIN = "offline_gain"
"""Metric of a registered version: its relative gain over the champion that it was judged against."""

Kind = Literal["nlg", "ranker", "nlu"]
Metrics = Mapping[str, float]
"""JSON may bring None where there is no number; that counts as not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A paired difference candidate minus champion: its mean and the bounds of its bootstrap interval.

    None (or nan) is what could not be computed; JSON knows no nan.
    """

    mean: float | None
    low: float | None
    high: float | None


Differences = Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The candidate may be promoted or sent into a canary."""

    reasons: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The candidate stays where it is; `reasons` holds everything that speaks against it."""

    reasons: tuple[str, ...]
    note: str


Verdict = Accepted | Refused


def decide(
    kind: str,
    candidate: Metrics,
    champion: Metrics,
    limits: Release,
    *,
    difference: Differences | None = None,
) -> Verdict:
    """Return whether a candidate beats the champion by what spec 1 asks.

    Args:
        kind: `nlg`, `ranker` or `nlu`; anything else is refused.
        candidate: its metrics on the held-out data.
        champion: the champion's on the same data.
        limits: thresholds.
        difference: paired bootstrap intervals by metric; needed where `limits.require_interval`.
    """
    rules = {"nlg": _adapter, "ranker": _ranker, "nlu": _classifier}
    if kind not in rules:
        return _refused([f"no release rule for {kind!r}; there are rules for {sorted(rules)}"])
    return rules[kind](candidate, champion, limits, difference or {})


def decide_canary(
    kind: str, *, offline_gain: float, online_gain: float, limits: Release
) -> Verdict:
    """Return whether a canary becomes the champion (spec 1).

    Args:
        kind: `nlg` (the online gain is of satisfaction) or `ranker` (of click-through).
        offline_gain: relative gain of the offline score.
        online_gain: relative gain of the online measure.
        limits: thresholds.
    """
    name, needed = {
        "nlg": ("satisfaction", limits.canary_satisfaction_gain),
        "ranker": ("click-through", limits.canary_click_gain),
    }.get(kind, ("", math.inf))
    if not name:
        return _refused([f"no canary rule for {kind!r}; there are rules for ['nlg', 'ranker']"])
    against = [
        f"{what} gain is {gain:+.1%}, must be above {least:+.1%}"
        for what, gain, least in (
            ("offline", offline_gain, limits.canary_offline_gain),
            (name, online_gain, needed),
        )
        if not gain > least
    ]
    if against:
        return _refused(against)
    return _accepted(
        [
            f"offline gain {offline_gain:+.1%} and {name} gain {online_gain:+.1%} are above the limits"
        ]
    )


def relative_gain(candidate: float, champion: float) -> float:
    """Return by what share the candidate is above the champion; over a champion of 0 any gain is infinite."""
    if champion == 0:
        return math.inf if candidate > 0 else 0.0
    return (candidate - champion) / abs(champion)


def offline_gain(kind: str, candidate: Metrics, champion: Metrics) -> float | None:
    """Return the relative gain that `decide` judged by, None where it was not measured."""
    names = {
        "nlg": ("score",),
        "ranker": ("precision_at_5", "ndcg_at_5"),
        "nlu": ("intent_accuracy",),
    }
    measured = [
        relative_gain(candidate[name], champion[name])
        for name in names.get(kind, ())
        if _is_number(candidate.get(name)) and _is_number(champion.get(name))
    ]
    return max(measured, default=None)


def _adapter(
    candidate: Metrics, champion: Metrics, limits: Release, difference: Differences
) -> Verdict:
    names = ("score", "perplexity", *limits.adapter_guards)
    if missing := _missing(candidate, champion, names):
        return _refused(missing)
    gain = relative_gain(candidate["score"], champion["score"])
    against = _too_small("score", candidate, champion, limits.adapter_score_gain)
    if not against:
        against += _chance("score", limits, difference)
    if not candidate["perplexity"] < champion["perplexity"]:
        against.append(
            f"perplexity is {candidate['perplexity']:.4g}, must fall below the champion's"
            f" {champion['perplexity']:.4g}"
        )
    for name in limits.adapter_guards:
        against += _fallen(name, candidate, champion, limits.guard_tolerance)
    if against:
        return _refused(against)
    fell = f"perplexity {champion['perplexity']:.4g} -> {candidate['perplexity']:.4g}"
    return _accepted([f"{_change('score', candidate, champion)} ({gain:+.1%}), {fell}"])


def _ranker(
    candidate: Metrics, champion: Metrics, limits: Release, difference: Differences
) -> Verdict:
    names = ("precision_at_5", "ndcg_at_5")
    if missing := _missing(candidate, champion, names):
        return _refused(missing)
    risen, against = [], []
    for name in names:
        small = _too_small(name, candidate, champion, limits.ranker_gain)
        doubt = small or _chance(name, limits, difference)
        if doubt:
            against += doubt
        else:
            gain = relative_gain(candidate[name], champion[name])
            risen.append(f"{_change(name, candidate, champion)} ({gain:+.1%})")
    fallen = [
        reason
        for name in names
        for reason in _fallen(name, candidate, champion, limits.ranker_tolerance)
    ]
    if not _missing(candidate, champion, ("auc_before",)):
        fallen += _fallen("auc_before", candidate, champion, limits.ranker_memory_tolerance)
    if risen and not fallen:
        return _accepted(risen)
    return _refused([*(against if not risen else []), *fallen])


def _classifier(
    candidate: Metrics, champion: Metrics, limits: Release, difference: Differences
) -> Verdict:
    names = ("intent_accuracy", *limits.classifier_guards)
    if missing := _missing(candidate, champion, names):
        return _refused(missing)
    against = _too_small("intent_accuracy", candidate, champion, limits.classifier_gain)
    if not against:
        against += _chance("intent_accuracy", limits, difference)
    for name in limits.classifier_guards:
        against += _fallen(name, candidate, champion, limits.guard_tolerance)
    if against:
        return _refused(against)
    return _accepted([_change("intent_accuracy", candidate, champion)])


def _missing(candidate: Metrics, champion: Metrics, names: tuple[str, ...]) -> list[str]:
    return [
        f"{who} has no finite {name}; evaluate it first"
        for who, metrics in (("the candidate", candidate), ("the champion", champion))
        for name in names
        if not _is_number(metrics.get(name))
    ]


def _too_small(name: str, candidate: Metrics, champion: Metrics, least: float) -> list[str]:
    gain = relative_gain(candidate[name], champion[name])
    if gain > 0 and gain >= least - 1e-9:
        return []
    return [f"{_change(name, candidate, champion)} is {gain:+.1%}, must rise by {least:.1%}"]


def _chance(name: str, limits: Release, difference: Differences) -> list[str]:
    """Say whether the gain may be chance: the interval's lower bound is not above zero."""
    if not limits.require_interval:
        return []
    interval = difference.get(name)
    if interval is None:
        return [
            f"{name} has no bootstrap interval, so its gain may be chance (release.require_interval)"
        ]
    if not _is_number(interval.low) or not _is_number(interval.high):
        return [
            f"the bootstrap interval of {name} is no number, so its gain may be chance; judge on more data"
            " (release.require_interval)"
        ]
    if interval.low > 0:
        return []
    return [
        f"the gain of {name} may be chance: its interval {interval.low:+.4g} to {interval.high:+.4g}"
        " holds 0 (release.require_interval)"
    ]


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _fallen(name: str, candidate: Metrics, champion: Metrics, tolerance: float) -> list[str]:
    loss = -relative_gain(candidate[name], champion[name])
    if loss <= tolerance:
        return []
    return [f"{_change(name, candidate, champion)} falls by {loss:.1%}, allowed is {tolerance:.1%}"]


def _change(name: str, candidate: Metrics, champion: Metrics) -> str:
    return f"{name} {champion[name]:.4g} -> {candidate[name]:.4g}"


def _accepted(reasons: list[str]) -> Accepted:
    return Accepted(reasons=tuple(reasons), note=f"기준을 넘었어요: {'; '.join(reasons)}")


def _refused(reasons: list[str]) -> Refused:
    return Refused(reasons=tuple(reasons), note=f"아직 올릴 수 없어요: {'; '.join(reasons)}")
