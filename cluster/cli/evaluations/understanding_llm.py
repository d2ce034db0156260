"""The third layer's part of the understanding section: its score, its worth by threshold, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.cli.measures import quantile
from cluster.cli.session import Session
from naviyam.evaluation.readings import ReadingFile, Worth, consider, understood, unsure, worth
from naviyam.evaluation.understanding import Score, Utterance, score
from naviyam.nlu.third import asks

if TYPE_CHECKING:
    from naviyam.nlu.layers import LayeredUnderstander

_BELOW = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85)


@dataclass(frozen=True, slots=True, kw_only=True)
class Third:
    """What the model adds on one set."""

    score: Score
    figures: dict[str, Any]
    rows: tuple[tuple[object, ...], ...]


def with_llm(
    session: Session,
    layers: "LayeredUnderstander",
    rows: Sequence[Utterance],
    held: ReadingFile,
) -> Third | None:
    """Return the figures of all three layers on a set, None where the file lacks a reading of it."""
    nlu, messages = session.settings.nlu, consider(layers, rows)
    candidates = list(unsure(messages, nlu))
    if any(m.key not in held.readings for m in candidates):
        return None
    by_threshold = [worth(layers, messages, held.readings, nlu, below=b) for b in _BELOW]
    chosen = worth(layers, messages, held.readings, nlu, below=nlu.ask_llm_below)
    times = [held.readings[m.key].seconds for m in candidates]
    late = sum(t > nlu.llm_timeout_s for t in times)
    figures = {
        "ask_below": nlu.ask_llm_below,
        "asked": chosen.asked,
        "asked_share": round(chosen.asked / max(1, len(rows)), 4),
        "right_without": chosen.right_without,
        "right_with": chosen.right_with,
        "refused": chosen.refused,
        "read_for_latency": len(times),
        "s_p50": round(quantile(times, 0.5), 3) if times else None,
        "s_p95": round(quantile(times, 0.95), 3) if times else None,
        "late_share": round(late / max(1, len(times)), 4),
    }
    share = [
        sum(asks(m.considered, w.below) for m in messages) / max(1, len(rows)) for w in by_threshold
    ]
    return Third(
        score=score(rows, understood(layers, messages, held.readings, nlu)),
        figures=figures,
        rows=tuple(_row(w, s) for w, s in zip(by_threshold, share, strict=True)),
    )


def _row(w: Worth, share: float) -> tuple[object, ...]:
    return w.below, w.asked, w.right_without, w.right_with, w.refused, share
