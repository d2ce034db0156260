"""Latency figures of benches: quantiles and what they are quantiles of."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request: `status` 0 is no answer at all; times in seconds, None where the event did not come."""

    seconds: float
    status: int
    retry_after: bool = False
    problem: str = ""
    first_event_s: float | None = None
    recommendations_s: float | None = None
    first_sentence_s: float | None = None
    shops: int = 0
    written_by: str = ""
    degraded_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of many requests."""

    requests: int
    rps: float
    ok: int
    refused: int
    errors: int
    seconds: dict[str, float]
    parts: dict[str, dict[str, float]]
    written_by_llm: float | None
    """Share of the answers with shops that the language model wrote alone."""

    written_by: dict[str, int]
    degraded: dict[str, int]
    problems: dict[str, int]


def quantile(values: Sequence[float], q: float) -> float:
    """Return the nearest-rank quantile, 0 of nothing.

    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([1.0, 2.0], 0.99)
    (2.0, 2.0)
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(q * 1000) // 1000))
    return ordered[rank - 1]


def spread(values: Iterable[float | None]) -> dict[str, float]:
    """Return p50, p95 and p99 of what is not None."""
    known = [v for v in values if v is not None]
    return {f"p{round(q * 100)}": round(quantile(known, q), 4) for q in (0.5, 0.95, 0.99)}


def figures(samples: Sequence[Sample], wall_s: float) -> Figures:
    """Return the figures of `samples` taken in `wall_s` seconds; latencies are of the answered ones."""
    ok = [s for s in samples if 200 <= s.status < 300 and not s.problem]
    refused = [s for s in samples if s.status == 503 and s.retry_after]
    written = [s.written_by for s in ok if s.shops and s.written_by]
    parts = ("first_event_s", "recommendations_s", "first_sentence_s")
    return Figures(
        requests=len(samples),
        rps=round(len(ok) / wall_s, 1) if wall_s else 0.0,
        ok=len(ok),
        refused=len(refused),
        errors=len(samples) - len(ok) - len(refused),
        seconds=spread(s.seconds for s in ok),
        parts={
            name: spread(getattr(s, name) for s in ok)
            for name in parts
            if any(getattr(s, name) is not None for s in ok)
        },
        written_by_llm=round(written.count("llm") / len(written), 4) if written else None,
        written_by=dict(Counter(written).most_common()),
        degraded=dict(Counter(s.degraded_reason for s in ok if s.degraded_reason).most_common(8)),
        problems=dict(
            Counter(
                s.problem or str(s.status) for s in samples if s not in ok and s not in refused
            ).most_common(8)
        ),
    )
