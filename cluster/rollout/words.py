"""Figures of an analysis in English words, for reasons."""

import math
from collections.abc import Mapping
from typing import Final

from cluster.rollout.checks import SampleRatio, Share
from cluster.rollout.differences import Difference, Metric

NAMES: Final[Mapping[Metric, str]] = {
    "ctr": "click-through",
    "order_rate": "order rate",
    "satisfaction": "satisfaction",
}


def told(found: Difference) -> str:
    """Return a difference in words and numbers."""
    unit = 1.0 if found.metric == "satisfaction" else 100.0
    kind = "stars" if found.metric == "satisfaction" else "points"
    absolute = found.absolute.scaled(unit)
    gain = f"{found.relative.estimate:+.1%}, " if found.relative else ""
    return (
        f"{NAMES[found.metric]} {gain}{absolute.estimate:+.2f} {kind} "
        f"({absolute.low:+.2f} to {absolute.high:+.2f}) over {found.users:,} users"
    )


def over(guard: Share) -> str:
    """Return a breached guardrail in words and numbers."""
    text = (
        f"{guard.name} of the candidate {guard.share:.1%} ({guard.events:,} of {guard.units:,} answers), "
        f"limit {guard.limit:.1%}"
    )
    if guard.breach is not None and guard.breach.hour:
        text += f"; {guard.breach.events:,} of {guard.breach.units:,} within an hour"
    return text


def split_of(split: SampleRatio) -> str:
    """Return a split and what the weights foretell."""
    odds = math.exp(min(split.log_evidence, 27))
    return (
        f"{split.candidate:,} of {split.users:,} users came to the candidate, the weights foretell "
        f"{split.expected:,.0f}: evidence {odds:,.0f} to 1 against chance"
    )


def hours(seconds: float) -> str:
    """Return a time as people say it."""
    return f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds:.0f} s"
