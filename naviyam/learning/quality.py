"""How good a logged answer is as an example: a score of 0 to 1 and the reasons that keep it from 1. Pure.

Length, share of Korean, politeness and particles make a quarter each. What is wrong in fact, unsafe or shaming is no example
at all and scores 0: by the service's own check sentence by sentence and by the second opinion of `evaluation.language`.
"""

from dataclasses import dataclass

from naviyam.evaluation.korean import impolite, korean_share, particle_errors, sentences
from naviyam.evaluation.language import Asked, Known, check_answer
from naviyam.nlg.brief import WriteRequest, realise, spoken_values
from naviyam.nlg.grounding import facts_of, named_shops, violations
from naviyam.safety.screen import screen_input, screen_output
from naviyam.settings import Learning


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """`faults` make an example worthless whatever its `score`; `weak` says what the score lost by."""

    score: float
    faults: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


def judge_answer(
    request: WriteRequest, response: str, told: tuple[str, ...], options: Learning
) -> Quality:
    """Return the quality of the answer `response`, of which the model's part is `told` (sentences over slots)."""
    faults = [*_unsafe(request, response), *_ungrounded(request, response, told)]
    if faults:
        return Quality(score=0.0, faults=tuple(dict.fromkeys(faults)))
    names = tuple(
        {r.name for r in request.recommendations}
        | {m.name for r in request.recommendations for m in r.menus}
    )
    said = sentences(response, names)
    parts = {
        "length": _length(len(response), options),
        "korean": korean_share(response, names),
        "polite": 1 - len(impolite(response, names)) / max(len(said), 1),
        "particles": 1 - min(1.0, len(particle_errors(response, names)) / max(len(said), 1)),
    }
    weak = tuple(sorted(name for name, value in parts.items() if value < 1))
    return Quality(score=sum(parts.values()) / len(parts), weak=weak)


def _length(chars: int, options: Learning) -> float:
    """Return 1 between both limits, falling to 0 at nothing and at twice the longest."""
    if chars < options.shortest_answer_chars:
        return chars / options.shortest_answer_chars
    return min(1.0, max(0.0, 2 - chars / options.longest_answer_chars))


def _unsafe(request: WriteRequest, response: str) -> list[str]:
    plain = response
    for r in request.recommendations:
        plain = plain.replace(r.name, " ")
    return [
        *(f"question:{kind}" for kind in (screen_input(request.question).kind,) if kind != "ok"),
        *(f"answer:{flag}" for flag in screen_output(plain)),
    ]


def _ungrounded(request: WriteRequest, response: str, told: tuple[str, ...]) -> list[str]:
    facts, values, current = facts_of(request), spoken_values(request), None
    found: list[str] = []
    for sentence in told:
        try:
            text = realise(sentence, values)
        except KeyError:
            return ["ungrounded:unknown_slot"]
        found += violations(text, sentence, facts, current=current)
        named = named_shops(sentence, len(request.recommendations))
        current = named[-1] if named else current
    earlier = tuple({**r.to_dict(), "name": "\x00"} for r in request.turns.last_shown)
    asked = Asked(message=request.question, earlier=earlier)
    answer = {
        "response": response,
        "recommendations": [r.to_dict() for r in request.recommendations],
    }
    outside = check_answer(asked, answer, Known(limit_won=request.limit_won))
    return [f"ungrounded:{f}" for f in found] + [f"second opinion:{f.kind}" for f in outside]
