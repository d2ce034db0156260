"""Prompts. Two layouts, one place: `compact` for the small base that was trained on it, `instructed` for large ones.

The compact layout names only the slots that exist and flags for what may be claimed, so that a tokenizer which
needs 2.5 tokens for a Korean syllable has little to read.
"""

import re
from collections.abc import Mapping, Sequence

from naviyam.nlg import style
from naviyam.nlg.brief import MAX_SHOWN, MAX_WALK_MINUTES, Situation, WriteRequest, slot_values, won
from naviyam.request import Emotion, Intent
from naviyam.settings import Layout

END = "<|im_end|>"
_MAX_QUESTION = 80
_NEAR_MINUTES = 15
_FELT = {Emotion.HUNGRY: "hungry", Emotion.TIRED: "tired", Emotion.UPSET: "upset"}
_SEEN_BY_SLOTS = {"wish", "budget", "plain"}
_CONTROL = re.compile(r"<\|[^>]*\|>|[@#$%&^\x00-\x1f]|\s+")

_INSTRUCTION = """너는 밥집을 찾아 주는 나비얌이야. 급식카드를 쓰는 어린이에게 해요체로 짧고 다정하게 답해.
가게 이름, 메뉴, 값, 거리는 직접 쓰지 말고 @1 #1 $1 %1 같은 자리표로만 써. 아래에 없는 자리표나 사실은 쓰지 마.
모두 네 문장을 넘기지 마. 무엇을 고를지는 뒤에서 물어보니까 쓰지 마. 이모지는 한 개만 써.
예: 떡볶이 좋죠! 😋 @1: #1 $1, %1, &1. @2: #2 $2, %2."""


def build_prompt(request: WriteRequest, layout: Layout = "compact") -> str:
    """Return the whole prompt up to where the answer begins, in ChatML."""
    question = clean_question(request.question)
    values = slot_values(request)
    if layout == "compact":
        lines = [question, _head(request, values)]
        lines += [
            _facts(request, values, i)
            for i in range(1, len(request.recommendations[:MAX_SHOWN]) + 1)
        ]
        return f"<|im_start|>user\n{chr(10).join(lines)}{END}\n<|im_start|>assistant\n"
    facts = "\n".join(f"{slot} = {_CONTROL.sub(' ', value)}" for slot, value in values.items())
    return (
        f"<|im_start|>system\n{_INSTRUCTION}{END}\n<|im_start|>user\n{question}\n"
        f"(한 끼 한도 {won(request.limit_won)})\n{facts}{END}\n<|im_start|>assistant\n"
    )


def clean_question(text: str) -> str:
    """Return the question on one line, without slot marks or control tokens, cut to a fair length."""
    return _CONTROL.sub(" ", text).strip()[:_MAX_QUESTION]


def truths(request: WriteRequest, i: int) -> tuple[str, ...]:
    """Return what is true of shop `i` (1-based) beyond its slots: good, near (the nearest), cheap (the cheapest)."""
    shown = request.recommendations[:MAX_SHOWN]
    found: list[str] = []
    if shown[i - 1].is_good_influence_shop:
        found.append("good")
    way = shown[i - 1].walk_minutes
    if _alone_least([x.distance_m for x in shown]) == i - 1 and (
        way is not None and way <= MAX_WALK_MINUTES
    ):
        found.append("near")
    if _alone_least([x.menus[0].price_won if x.menus else None for x in shown]) == i - 1:
        found.append("cheap")
    return tuple(found)


def flags(request: WriteRequest, i: int) -> tuple[str, ...]:
    """Return which of `truths` the model is invited to say; with three shops the answer stays short."""
    full = len(request.recommendations[:MAX_SHOWN]) == MAX_SHOWN
    return tuple(t for t in truths(request, i) if t == "good" or not full)


def themes(request: WriteRequest) -> tuple[str, ...]:
    """Return the keys of `style.OPENINGS` that this answer may open with; the prompt names the same.

    What the child feels or asks outright goes before everything else.
    """
    u = request.understanding
    if request.situation is Situation.OTHERS and "shown" in request.relaxed:
        return ("plain",)  # "새로 찾았어요!" is no word for what was shown before
    if request.situation in (Situation.CHEAPER, Situation.OTHERS):
        return (request.situation.value,)
    if u.emotion in _FELT:
        return (_FELT[u.emotion],)
    shown = request.recommendations[:MAX_SHOWN]
    if u.intent is Intent.OPEN_NOW_INQUIRY and all(r.open_now for r in shown):
        return ("open",)
    if u.intent is Intent.GOOD_SHOP_INQUIRY and all(r.is_good_influence_shop for r in shown):
        return ("good",)
    values = slot_values(request)
    wish = "@0" in values
    if card_claimed(request):
        return ("card wish" if wish else "card",)
    found = ["budget"] * ("$0" in values) + ["wish"] * wish
    found += [x for x in (u.filters.companion, u.filters.time_of_day) if x and x in style.OPENINGS]
    near = all(r.walk_minutes is not None and r.walk_minutes <= _NEAR_MINUTES for r in shown)
    if u.intent is Intent.NEARBY_INQUIRY and near:
        found.append("near")
    return tuple(found) or ("plain",)


def _alone_least(values: Sequence[int | None]) -> int | None:
    """Return where the one smallest value stands; None with a tie, an unknown or nothing to compare."""
    known = [v for v in values if v is not None]
    if len(values) < 2 or len(known) < len(values) or known.count(min(known)) > 1:
        return None
    return known.index(min(known))


def card_claimed(request: WriteRequest) -> bool:
    """Return True where the child asked for the card and it works in every shown shop."""
    asked = request.understanding.filters.payment_method == "meal_card"
    return asked and all(r.meal_card == "yes" for r in request.recommendations[:MAX_SHOWN])


def _head(request: WriteRequest, values: Mapping[str, str]) -> str:
    words = [request.situation.value, *(s for s in ("@0", "$0", "$9") if s in values)]
    if request.situation is Situation.RECOMMEND:
        words += [t.removesuffix(" wish") for t in themes(request) if t not in _SEEN_BY_SLOTS]
    return " ".join(words)


def _facts(request: WriteRequest, values: Mapping[str, str], i: int) -> str:
    slots = [f"{mark}{i}" for mark in "@#$%&^" if f"{mark}{i}" in values]
    return " ".join([*slots, *flags(request, i)])
