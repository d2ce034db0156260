"""What the writer is asked for and what it hands back; the facts a text may use, as slots.

A model writes sentences around slots (`@1` a shop's name, `#1` a menu, `$1` its price, `%1` the walk, `&1` whether
it is open, `^1` its address; `@0` the food asked for, `$0` the budget, `$9` what is saved against the last answer).
The facts are put in afterwards, from the recommendations: a short text costs few tokens, and a number cannot be
written wrong. Delexicalised generation: Wen et al. 2015, "Semantically Conditioned LSTM-based NLG", section 3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from naviyam.conversation import Turns
from naviyam.recommendation import Recommendation
from naviyam.request import Intent, Understanding
from naviyam.text.josa import josa

SLOT = re.compile(r"([@#$%&^])([0-9])")
_PARTICLES = (
    "은/는", "이/가", "을/를", "과/와", "이에요/예요", "이랑/랑", "으로/로", "이라/라", "이고/고", "이나/나", "이네요/네요",
)  # fmt: skip
_FORM_TO_PAIR = {form: pair for pair in _PARTICLES for form in pair.split("/")}
_SLOT_AND_PARTICLE = re.compile(
    SLOT.pattern
    + "("
    + "|".join(sorted(map(re.escape, _FORM_TO_PAIR), key=len, reverse=True))
    + ")?(?=([가-힣.]?))"
)
_NOUNS = "@#$%^"
_TOWN = re.compile(
    r"^(?:(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충[청북남]|전[라북남]|경[상북남]|제주)\S*\s+)?(?:\S+[시군구]\s+)*"
)
_NOTE = re.compile(r"[\s.,]*(?:\([^()]*\))?[\s.,]*$")
_DONG = re.compile(r"\(([가-힣]+\d*가?동)\b")
MAX_SHOWN = 3
MAX_WALK_MINUTES = 40
"""A longer way is told in km, and nothing so far away is called near."""


class Situation(StrEnum):
    """What kind of answer is written; one per line of spec 8 that names shops."""

    RECOMMEND = "recommend"
    CHEAPER = "cheaper"
    OTHERS = "others"
    SELECT = "select"
    SHOP = "shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """One answer to write. `recommendations` are at most three, in rank order, never empty."""

    question: str
    understanding: Understanding
    recommendations: tuple[Recommendation, ...]
    limit_won: int
    relaxed: tuple[str, ...] = ()
    turns: Turns = field(default_factory=Turns)
    seed: int = 0
    place_known: bool = True
    adapter: str | None = None
    """`name@version` of a candidate; None writes with what serves."""

    variant: str | None = None
    """Of `writing.variants`; None writes as it serves."""

    request_id: str = ""

    @property
    def situation(self) -> Situation:
        """The kind of answer, from intent and memory."""
        intent = self.understanding.intent
        if intent is Intent.SELECT:
            return Situation.SELECT
        if intent in (Intent.SHOP_INQUIRY, Intent.MENU_INQUIRY, Intent.MEAL_CARD_INQUIRY) and (
            self.understanding.shop_name
        ):
            return Situation.SHOP
        if intent is Intent.REFINE:
            cheaper = self.understanding.filters.sort == "cheapest" and self.saved_won is not None
            return Situation.CHEAPER if cheaper else Situation.OTHERS
        return Situation.RECOMMEND

    @property
    def wish(self) -> str | None:
        """The food or kind of food asked for, where every shown shop was chosen by it."""
        if "food_type" in self.relaxed or "category" in self.relaxed:
            return None
        return self.understanding.filters.food_type or self.understanding.filters.category

    @property
    def saved_won(self) -> int | None:
        """How much cheaper the first menu is than the cheapest of the last answer, None if it is not."""
        before = [m.price_won for r in self.turns.last_shown for m in r.menus[:1]]
        now = [m.price_won for r in self.recommendations[:1] for m in r.menus[:1]]
        if not before or not now or now[0] >= min(before):
            return None
        return min(before) - now[0]


def won(amount: int) -> str:
    """Return an amount as people read it.

    >>> won(9500)
    '9,500원'
    """
    return f"{amount:,}원"


def walk(r: Recommendation) -> str | None:
    """Return how far a shop is, in the words a child uses: minutes on foot, or km when that is far."""
    if r.walk_minutes is None or r.distance_m is None:
        return None
    if r.walk_minutes <= MAX_WALK_MINUTES:
        return f"걸어서 {max(1, r.walk_minutes)}분"
    return f"약 {r.distance_m / 1000:.1f}km 거리"


def near_address(address: str) -> str:
    """Return an address as one tells it to somebody in that town: without province, town and note.

    >>> near_address("강원특별자치도 춘천시 효자로 12 (효자동)"), near_address("서울 관악구 봉천로 3, 1층")
    ('효자로 12', '봉천로 3, 1층')
    >>> near_address("경기도 수원시 팔달구 (인계동)")
    '경기도 수원시 팔달구 (인계동)'
    """
    return _NOTE.sub("", _TOWN.sub("", address)) or address


def dong_of(address: str) -> str:
    """Return the neighbourhood in an address, else the address as `near_address` tells it.

    >>> dong_of("강원특별자치도 춘천시 효자로 12 (효자동, 2층)"), dong_of("강원 춘천시 효자로 12")
    ('효자동', '효자로 12')
    """
    found = _DONG.search(address)
    return found[1] if found else near_address(address)


def spoken_values(request: WriteRequest) -> Mapping[str, str]:
    """Return the slots that an answer may be said with: those of the prompt, and where each shop is."""
    values = dict(slot_values(request))
    one = request.situation in (Situation.SELECT, Situation.SHOP)
    for i, r in enumerate(request.recommendations[:MAX_SHOWN], start=1):
        if r.address:
            values[f"^{i}"] = near_address(r.address) if one else dong_of(r.address)
    return values


def slot_values(request: WriteRequest) -> Mapping[str, str]:
    """Return every slot that may be used in this answer with the fact that fills it."""
    values: dict[str, str] = {}
    if request.wish:
        values["@0"] = request.wish
    budget = request.understanding.filters.budget_max
    if budget and not any(x.startswith("budget_max") for x in request.relaxed):
        values["$0"] = won(budget)
    if request.situation is Situation.CHEAPER and request.saved_won:
        values["$9"] = won(request.saved_won)
    for i, r in enumerate(request.recommendations[:MAX_SHOWN], start=1):
        values[f"@{i}"] = r.name
        if r.menus:
            values[f"#{i}"] = r.menus[0].name
            values[f"${i}"] = won(r.menus[0].price_won)
        if (distance := walk(r)) is not None:
            values[f"%{i}"] = distance
        if r.open_now is not None:
            values[f"&{i}"] = "지금 열려 있어요" if r.open_now else "지금은 닫혀 있어요"
        if request.situation in (Situation.SELECT, Situation.SHOP) and r.address:
            values[f"^{i}"] = r.address
    return values


def realise(sentence: str, values: Mapping[str, str]) -> str:
    """Put the facts in and set the particle behind each by its final consonant; a noun before a full stop gets 이에요.

    Raises:
        KeyError: a slot that this answer does not have.

    >>> realise("@1은 #1이 $1이에요.", {"@1": "참새분식", "#1": "라면", "$1": "4,000원"})
    '참새분식은 라면이 4,000원이에요.'
    >>> realise("@1으로 가면 %1이에요.", {"@1": "하나네", "%1": "걸어서 5분"})
    '하나네로 가면 걸어서 5분이에요.'
    >>> realise("@1: #1 $1, %1.", {"@1": "참새분식", "#1": "라면", "$1": "4,000원", "%1": "걸어서 5분"})
    '참새분식: 라면 4,000원, 걸어서 5분이에요.'
    """

    def fill(match: re.Match[str]) -> str:
        value = values[match[1] + match[2]]
        particle = match[3]
        if not particle:
            ends = match[4] == "." and match[1] in _NOUNS
            return josa(value, "이에요/예요") if ends else value
        follows_hangul = match[4] not in ("", ".")
        if follows_hangul and particle in (
            "이",
            "가",
            "은",
            "는",
            "과",
            "와",
            "로",
            "고",
            "나",
            "라",
            "랑",
        ):
            return value + particle  # the first letter of a longer word, not a particle
        return josa(value, _FORM_TO_PAIR[particle])

    return _SLOT_AND_PARTICLE.sub(fill, sentence)


def outside_slots(sentence: str) -> str:
    """Return what was written freely: the sentence without its slots and the particles behind them.

    >>> outside_slots("@0이라면 @1이에요!").split()
    ['면', '!']
    """
    return _SLOT_AND_PARTICLE.sub(" ", sentence)


def slots_as_words(sentence: str) -> str:
    """Return a sentence with every slot, its particle with it, as a word of its kind: `@0` a wish, `@1` any shop.

    >>> slots_as_words("@2은 #2이 $2이에요!").split()
    ['@1', '#1', '$1', '!']
    """
    return _SLOT_AND_PARTICLE.sub(lambda m: f" {m[1]}{m[2] if m[2] in '09' else 1} ", sentence)
