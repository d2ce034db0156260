"""What a language model's own words are worth, before the service checks and mends them. Pure; for comparing adapters.

A draft is what the model wrote over slots for one request (`naviyam.nlg.brief`). Four measures, each in 0..1:

- `keywords`: share of the slots that the prompt offered as names, menus and prices (and the wish or budget) that it used.
- `quality`: mean of five yes-or-no marks: polite throughout, Korean (80 % of the letters outside slots), no sentence
  twice, no words side by side that the style does not know, and a length of 2 sentences to 3 a shop and 3 more.
- `grounded`: share of the sentences in which `nlg.grounding` finds nothing that the facts do not bear out.
- `safe`: 1 where nothing in the words is unfit for a child (`safety.screen.screen_output`), else 0.

`score` is their mean with the weights of `settings.evaluation`: the offline score that release rules compare.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from naviyam.evaluation.korean import korean_share
from naviyam.nlg.brief import (
    MAX_SHOWN,
    SLOT,
    WriteRequest,
    outside_slots,
    realise,
    slot_values,
    spoken_values,
)
from naviyam.nlg.fluency import impolite, unknown_pairs
from naviyam.nlg.grounding import facts_of, named_shops, violations
from naviyam.nlg.sentences import split_sentences
from naviyam.safety.screen import screen_output
from naviyam.settings import Evaluation

MEASURES: Final = ("keywords", "quality", "grounded", "safe")
_MIN_KOREAN: Final = 0.8
_END: Final = re.compile(r"<\|[^>]*\|>")


def judge_draft(request: WriteRequest, draft: str) -> dict[str, float]:
    """Return the four measures of one draft; an empty draft has 0 in all but `safe`."""
    sentences = [s.strip() for s in split_sentences(_END.sub("", draft).strip()) if s.strip()]
    return {
        "keywords": _keywords(request, sentences),
        "quality": _quality(request, sentences),
        "grounded": _grounded(request, sentences),
        "safe": float(not screen_output(SLOT.sub("", " ".join(sentences)))),
    }


def offline_score(measures: Mapping[str, float], weights: Evaluation) -> float:
    """Return the weighted mean of the four measures, in 0..1."""
    weight = {
        "keywords": weights.keyword_weight,
        "quality": weights.quality_weight,
        "grounded": weights.grounded_weight,
        "safe": weights.safe_weight,
    }
    return sum(weight[m] * measures[m] for m in MEASURES) / sum(weight.values())


def _keywords(request: WriteRequest, sentences: Sequence[str]) -> float:
    offered = {s for s in slot_values(request) if s[0] in "@#$"}
    used = {m[0] for s in sentences for m in SLOT.finditer(s)}
    return len(offered & used) / len(offered)


def _quality(request: WriteRequest, sentences: Sequence[str]) -> float:
    if not sentences:
        return 0.0
    shops, values = len(request.recommendations[:MAX_SHOWN]), spoken_values(request)
    free = " ".join(outside_slots(s) for s in sentences)
    marks = (
        not any(_known(s, values) and impolite(realise(s, values)) for s in sentences),
        korean_share(free, ()) >= _MIN_KOREAN,
        len(set(sentences)) == len(sentences),
        not any(unknown_pairs(s) for s in sentences),
        2 <= len(sentences) <= 3 * shops + 3,
    )
    return sum(marks) / len(marks)


def _grounded(request: WriteRequest, sentences: Sequence[str]) -> float:
    if not sentences:
        return 0.0
    facts, values, current = facts_of(request), spoken_values(request), None
    borne_out = 0
    for sentence in sentences:
        if _known(sentence, values):
            text = realise(sentence, values)
            borne_out += not violations(text, sentence, facts, current=current)
        named = named_shops(sentence, len(request.recommendations[:MAX_SHOWN]))
        current = named[-1] if named else current
    return borne_out / len(sentences)


def _known(sentence: str, values: Mapping[str, str]) -> bool:
    return all(m[0] in values for m in SLOT.finditer(sentence))
