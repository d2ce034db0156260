"""What generated answers are worth: facts, fluency, variety, who wrote them, what it took. Pure; the file is `written`.

Facts are judged by `language`, which shares nothing with the service's own check, and Korean by `korean`.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from naviyam.evaluation.judged import Judged
from naviyam.evaluation.korean import (
    distinct,
    emoji_count,
    korean_share,
    self_bleu,
    sentences,
)

_BLEU_SAMPLE = 200
_Z = 1.959964


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); (0, 1) of nothing.

    >>> [round(x, 5) for x in wilson(0, 10_000)]
    [0.0, 0.00038]
    """
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z * ((share * (1 - share) + z2 / (4 * of)) / of) ** 0.5 / (1 + z2 / of)
    return max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half)


def rate(hits: int, of: int) -> dict[str, Any]:
    """Return a count, its share and the Wilson interval of the share."""
    low, high = wilson(hits, of)
    return {
        "count": hits,
        "of": of,
        "share": round(hits / of, 5) if of else None,
        "low": round(low, 5),
        "high": round(high, 5),
    }


def figures(judged: Sequence[Judged], *, seed: int = 7) -> dict[str, Any]:
    """Return every figure of one writer."""
    if not judged:
        return {"answers": 0}
    return {"answers": len(judged)} | _facts(judged) | _form(judged, seed) | _cost(judged)


def _facts(judged: Sequence[Judged]) -> dict[str, Any]:
    metadata = [j.answer.answer["metadata"] for j in judged]
    asked = [j for j in judged if j.answer.draft]
    rejected = [m["rejected"] for m in metadata]
    why = [m["degraded_reason"] for m in metadata]
    degraded = [reason for reason in why if reason not in (None, "llm_disabled")]
    return {
        "wrong_facts": _count(judged, lambda j: bool(j.wrong_facts)),
        "wrong_kinds": _most(f.kind for j in judged for f in j.wrong_facts),
        "before_check": {
            "answers_rejected": rate(sum(map(bool, rejected)), len(asked)),
            "sentences_rejected_per_100_answers": round(
                100 * sum(map(len, rejected)) / max(1, len(asked)), 2
            ),
            "reasons": _most(reason for reasons in rejected for reason in reasons),
            "wrong_facts": _count(asked, lambda j: bool(j.draft_findings)),
            "wrong_kinds": _most(f.kind for j in asked for f in j.draft_findings),
        },
        "written_by": _most(m["written_by"] for m in metadata),
        "degraded": rate(len(degraded), len(judged)),
        "degraded_reasons": _most(degraded),
    }


def _form(judged: Sequence[Judged], seed: int) -> dict[str, Any]:
    texts = [j.text for j in judged]
    plain = [_without_names(j) for j in judged]
    sample = random.Random(seed).sample(plain, min(_BLEU_SAMPLE, len(plain)))
    openings = [_opening(j) for j in judged]
    return {
        "particle_errors": _count(judged, lambda j: bool(j.particles)),
        "impolite": _count(judged, lambda j: bool(j.impolite)),
        "stigma_or_alcohol_words": _found(judged, "stigma word", "alcohol"),
        "too_many_emoji": _found(judged, "too many emoji"),
        "emoji_mean": _mean([emoji_count(t) for t in texts]),
        "korean_share_mean": _mean([korean_share(j.text, j.names) for j in judged]),
        "characters_p50": _quantile([len(t) for t in texts], 0.5),
        "characters_p95": _quantile([len(t) for t in texts], 0.95),
        "sentences_mean": _mean([j.sentences for j in judged]),
        "over_three_sentences_a_shop": _count(judged, lambda j: _per_shop(j) > 3),
        "sentences_a_shop_mean": _mean([_per_shop(j) for j in judged]),
        "repeated_sentence": _count(judged, _repeats),
        "distinct_1": round(distinct(plain, 1), 4),
        "distinct_2": round(distinct(plain, 2), 4),
        "self_bleu_3": round(self_bleu(sample), 4),
        "distinct_openings": len(set(openings)),
        "commonest_opening_share": round(Counter(openings).most_common(1)[0][1] / len(openings), 4),
        "same_opening_twice_running": rate(*_running(judged, openings)),
    }


def _cost(judged: Sequence[Judged]) -> dict[str, Any]:
    asked = [j.answer for j in judged if j.answer.tokens]
    seconds = [j.answer.write_s for j in judged]
    return {
        "tokens_mean": _mean([a.tokens for a in asked]),
        "tokens_p95": _quantile([a.tokens for a in asked], 0.95),
        "write_s_p50": _quantile(seconds, 0.5),
        "write_s_p95": _quantile(seconds, 0.95),
        "at_once": max(j.answer.at_once for j in judged),
    }


def length_histogram(judged: Sequence[Judged], *, width: int = 40) -> dict[int, float]:
    """Return the share of answers per number of characters, bins named by where they begin."""
    bins = Counter(len(j.text) // width * width for j in judged)
    last = max(bins, default=0)
    return {b: bins[b] / len(judged) for b in range(0, last + width, width)}


def _opening(judged: Judged) -> str:
    """Return the first sentence that is no notice on loosened wishes: the first with an exclamation or question."""
    first = judged.text.split("\n1. ")[0]
    marked = [s for s in first.replace("?", "!").split("!")[:-1] if s.strip()]
    said = marked[0] if marked else first
    said = said.split(". ")[-1].split("\n")[-1].strip()
    for name in sorted(judged.names, key=len, reverse=True):
        said = said.replace(name, "@")
    return said


def _running(judged: Sequence[Judged], openings: Sequence[str]) -> tuple[int, int]:
    """Return how often a conversation opened two answers in a row alike, and how often it could have."""
    pairs = [
        openings[i] == openings[i - 1]
        for i in range(1, len(judged))
        if judged[i].answer.talk == judged[i - 1].answer.talk
    ]
    return sum(pairs), len(pairs)


def _without_names(judged: Judged) -> str:
    text = judged.text
    for name in sorted(judged.names, key=len, reverse=True):
        text = text.replace(name, "@")
    return text


def _repeats(judged: Judged) -> bool:
    said = [s for s in sentences(judged.text, judged.names) if len(s) > 12 and "\x02" not in s]
    return len(said) != len(set(said))


def _per_shop(judged: Judged) -> int:
    """Return the most sentences that one shop got: of its line, or of all but the opening and the last question."""
    lines = [line for line in judged.text.split("\n") if line[:1].isdigit() and line[1:3] == ". "]
    if lines:
        return max(len(sentences(line, judged.names)) for line in lines)
    return max(0, judged.sentences - 2)


def _found(judged: Sequence[Judged], *kinds: str) -> dict[str, Any]:
    return _count(judged, lambda j: any(f.kind in kinds for f in j.findings))


def _count(judged: Sequence[Judged], wrong: Callable[[Judged], bool]) -> dict[str, Any]:
    return rate(sum(map(wrong, judged)), len(judged))


def _most(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common(12))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _quantile(values: Sequence[float], q: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else None
