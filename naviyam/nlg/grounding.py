"""The check on facts: what a finished sentence states must follow from the recommendations.

`violations` judges one sentence at a time, so that streaming can hold back just the sentence at fault. It looks
at every amount, minute, distance, clock time, percentage and count, at claims (open, card, good influence, cheapest,
nearest, free, discount), at foods and shop names that nobody mentioned, and at words that never leave (spec 6).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from naviyam.nlg.brief import MAX_SHOWN, SLOT, WriteRequest, near_address, outside_slots
from naviyam.nlg.prompt import truths
from naviyam.recommendation import Recommendation
from naviyam.safety.screen import screen_output
from naviyam.text.clean import squash
from naviyam.text.dishes import DISHES
from naviyam.text.numbers import find_amounts

_DIGIT_WON = re.compile(r"(\d[\d,]*)\s*원")
_MINUTES = re.compile(r"(\d+)\s*분(?!\s*식)")
_KILOMETRES = re.compile(r"(\d+(?:\.\d+)?)\s*(km|m|킬로|미터)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})|(\d{1,2})\s*시(?!간)")
_OTHER_NUMBER = re.compile(r"\d+(?:\.\d+)?\s*(%|퍼센트|점|개월|시간|명|번째|호점|년|월|일|배)")
_COUNT = re.compile(
    r"(?<![가-힣\d])(한|두|세|네|다섯|여섯|[2-9])\s*(?:곳|군데|가게|집)(?![가-힣]*네)"
)
_COUNTS = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6}
_OPEN = re.compile(r"열려|열었|열린|영업\s*중|갈 수 있")
_CLOSED = re.compile(r"닫혀|닫았|닫힌|쉬는 날|문을 안")
_CARD = re.compile(r"카드[^.!?]{0,12}(?:먹을 수|쓸 수|되는|돼요|가능|낼 수)|카드\s*(?:돼|되)")
_GOOD = re.compile(r"착한\s*가게|선한\s*영향력|마음 따뜻한 가게")
_CHEAPEST = re.compile(r"(?:제일|가장)\s*(?:싸|저렴)|값이 제일")
_NEAREST = re.compile(r"(?:제일|가장)\s*가까")
_CHEAPER = re.compile(r"더 (?:싸|싼|저렴)|아까보다")
_NO_PRICE = re.compile(r"값은 아직 몰라")
_FREE = re.compile(r"무료|공짜|할인|서비스로|덤으로|쿠폰")
_GUESS = re.compile(r"아마|것 같|무조건|틀림없이|보장|최고의|인기 (?:많|최고)|별점")
_SHOP_LIKE = re.compile(
    r"[가-힣A-Za-z0-9]{2,}(?:식당|반점|분식|통닭|치킨집?|김밥천국|국밥|카페|베이커리|피자집?|버거|족발|칼국수|돈까스집?|마을|본점|점포|호점)"
)
_HANGUL = re.compile(r"[가-힣]")
_LETTER = re.compile(r"[^\W\d_]")
_FOODS = tuple(sorted(d for d in DISHES if len(d) > 1))
MAX_SENTENCE_CHARS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a text may state, computed once per answer."""

    amounts: frozenset[int]
    minutes: frozenset[int]
    kilometres: frozenset[str]
    clocks: frozenset[tuple[int, int]]
    mentioned: str
    """Everything said or shown, squashed: question, names, menus, categories."""

    request: WriteRequest


def facts_of(request: WriteRequest) -> Facts:
    """Collect the statable facts of an answer."""
    shown = request.recommendations[:MAX_SHOWN]
    amounts = {request.limit_won}
    for menu in (m for r in shown for m in r.menus):
        amounts |= {menu.price_won, menu.over_limit_won, menu.discount_won}
    budget = request.understanding.filters.budget_max
    amounts |= {x for x in (budget, request.saved_won) if x}
    clocks = {tuple(int(x) for x in r.open_until.split(":")) for r in shown if r.open_until}
    words = [request.question, request.wish or ""]
    for r in shown:
        words += [r.name, r.category, r.address, *(m.name for m in r.menus)]
    return Facts(
        amounts=frozenset(amounts - {0}),
        minutes=frozenset(max(1, r.walk_minutes) for r in shown if r.walk_minutes is not None),
        kilometres=frozenset(
            f"{r.distance_m / 1000:.1f}" for r in shown if r.distance_m is not None
        ),
        clocks=frozenset((c[0], c[1]) for c in clocks),
        mentioned=squash(" ".join(words)),
        request=request,
    )


def violations(
    sentence: str, slotted: str, facts: Facts, *, current: int | None = None
) -> tuple[str, ...]:
    """Return why a sentence must not leave, empty when it may.

    `slotted` is the sentence before its slots were filled: what stands outside the slots was written freely, and
    the slots tell which shops a claim is about; one without slots is about `current`, the shop last named (1-based),
    or about all of them before any was named.
    """
    bare = _without_names(sentence, facts)
    found = [*_form(bare, slotted), *_numbers(bare, facts)]
    found += _claims(slotted, facts, current)
    found += _names(slotted, facts)
    found += screen_output(SLOT.sub("", slotted))
    return tuple(dict.fromkeys(found))


def _form(sentence: str, slotted: str) -> Iterable[str]:
    if SLOT.search(sentence) or "<|" in sentence or "�" in sentence:
        yield "form"
    letters = _LETTER.findall(SLOT.sub("", slotted))
    if letters and len(_HANGUL.findall("".join(letters))) < 0.8 * len(letters):
        yield "not_korean"
    if len(sentence) > MAX_SENTENCE_CHARS:
        yield "too_long"


def _without_names(sentence: str, facts: Facts) -> str:
    """Take names, menus and addresses out: a `24시김밥` states no hour, `300g` no weight of its own."""
    texts = {
        t
        for r in facts.request.recommendations[:MAX_SHOWN]
        for t in (r.name, r.address, near_address(r.address), *(m.name for m in r.menus))
    }
    for text in sorted(texts, key=len, reverse=True):
        if text:
            sentence = sentence.replace(text, " ")
    return sentence


def _numbers(text: str, facts: Facts) -> Iterable[str]:
    stated = {a.won for a in find_amounts(text)}
    stated |= {int(m[1].replace(",", "") or 0) for m in _DIGIT_WON.finditer(text)}
    if not stated <= facts.amounts:
        yield "price"
    if any(int(m[1]) not in facts.minutes for m in _MINUTES.finditer(text)):
        yield "minutes"
    for match in _KILOMETRES.finditer(text):
        if match[2] not in ("km", "킬로") or match[1] not in facts.kilometres:
            yield "distance"
    for match in _CLOCK.finditer(text):
        time = (int(match[1]), int(match[2])) if match[1] else (int(match[3]), 0)
        if time not in facts.clocks:
            yield "hours"
    if _OTHER_NUMBER.search(text):
        yield "number"
    shown = len(facts.request.recommendations[:MAX_SHOWN])
    for match in _COUNT.finditer(text):
        if int(_COUNTS.get(match[1], 0) or match[1]) != shown:
            yield "count"


def _claims(slotted: str, facts: Facts, current: int | None) -> Iterable[str]:
    request = facts.request
    free = re.sub(r"&[0-9]", "", slotted)
    about = _about(slotted, request, current)
    if _OPEN.search(free) and not all(r.open_now for r in about):
        yield "open"
    if _CLOSED.search(free) and not all(r.open_now is False for r in about):
        yield "closed"
    if _CARD.search(free) and not all(r.meal_card == "yes" for r in about):
        yield "meal_card"
    if _GOOD.search(free) and not all(r.is_good_influence_shop for r in about):
        yield "good_influence"
    for pattern, flag in ((_CHEAPEST, "cheap"), (_NEAREST, "near")):
        if pattern.search(free) and not all(
            flag in truths(request, request.recommendations.index(r) + 1) for r in about
        ):
            yield flag
    if (
        _CHEAPER.search(free)
        and "$9" not in slotted
        and ("아까보다" in free or request.saved_won is None)
    ):
        yield "saved"
    if _NO_PRICE.search(free) and any(r.menus for r in about):
        yield "price_known"
    if _FREE.search(free):
        yield "offer"
    if _GUESS.search(free):
        yield "guess"


def _about(slotted: str, request: WriteRequest, current: int | None) -> tuple[Recommendation, ...]:
    shown = request.recommendations[:MAX_SHOWN]
    named = named_shops(slotted, len(shown)) or ((current,) if current else ())
    return tuple(shown[i - 1] for i in named) or shown


def named_shops(slotted: str, count: int) -> tuple[int, ...]:
    """Return the shops (1-based) whose slots a sentence uses, in order."""
    return tuple(sorted({int(m[2]) for m in SLOT.finditer(slotted)} & set(range(1, count + 1))))


def _names(slotted: str, facts: Facts) -> Iterable[str]:
    free = outside_slots(slotted)
    if any(food in free and squash(food) not in facts.mentioned for food in _FOODS):
        yield "food"
    if any(squash(m[0]) not in facts.mentioned for m in _SHOP_LIKE.finditer(free)):
        yield "shop_name"
