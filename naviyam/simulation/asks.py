"""What a simulated child wants and how it says so. Seeded; simulated, so a data set built from it says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.request import CATEGORIES

DISHES: Final[Mapping[str, str]] = {
    "비빔밥": "한식", "국밥": "한식", "김치찌개": "한식", "된장찌개": "한식", "칼국수": "한식", "냉면": "한식", "제육볶음": "한식",
    "떡볶이": "분식", "김밥": "분식", "라면": "분식", "순대": "분식", "만두": "분식", "쫄면": "분식",
    "짜장면": "중식", "짬뽕": "중식", "탕수육": "중식", "볶음밥": "중식",
    "돈까스": "일식", "초밥": "일식", "우동": "일식", "덮밥": "일식",
    "파스타": "양식", "스테이크": "양식", "햄버거": "패스트푸드", "샌드위치": "패스트푸드",
    "후라이드": "치킨", "양념치킨": "치킨", "빵": "베이커리", "샐러드": "건강식", "삼겹살": "고기", "도시락": "편의점",
}  # fmt: skip
"""Dishes asked for, each with its category."""

SPOKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "한식": ("한식", "밥집"), "분식": ("분식", "분식집"), "중식": ("중식", "중국집"), "일식": ("일식", "일식집"),
    "양식": ("양식", "경양식"), "치킨": ("치킨", "치킨집"), "피자": ("피자", "피자집"), "패스트푸드": ("패스트푸드", "햄버거집"),
    "카페": ("카페",), "베이커리": ("빵집", "베이커리"), "건강식": ("샐러드",), "고기": ("고기", "고깃집"), "편의점": ("편의점",),
}  # fmt: skip

_ASK = (
    "{} 추천해줘", "{} 먹고 싶어", "{} 먹을래", "{} 알려줘", "{} 땡긴다", "{} 어디가 좋아?", "{} 있어?", "근처 {} 알려줘", "{} ㄱㄱ",
    "{} 갈 만한 데 있나요?", "오늘은 {} 어때?", "{} 좋아하는데 추천 좀",
)  # fmt: skip
_ANY = (
    "배고파 뭐 먹지", "밥 먹을 데 추천해줘", "뭐 먹을까?", "근처에 먹을 데 있어?", "맛있는 데 알려줘", "배고픈데 추천 ㄱㄱ",
    "오늘 뭐 먹지?", "갈 만한 식당 있어?",
)  # fmt: skip
_WITH = {
    "friend": ("친구랑 ", "친구들이랑 "),
    "family": ("엄마랑 ", "동생이랑 ", "가족이랑 "),
    "group": ("반 친구들 여럿이 ",),
}
_SLOTS = (
    ("아침에 ", "아침으로 "),
    ("점심에 ", "점심으로 "),
    ("학교 끝나고 ", "학원 가기 전에 "),
    ("저녁에 ", "저녁으로 "),
    ("밤에 ",),
)
_CARD = ("급식카드 되는 ", "카드 되는 ")
_REFINE = (
    "더 싼 데는?", "더 저렴한 곳 없어?", "비싸 더 싼 거", "더 가까운 데는?", "너무 멀어 가까운 데", "다른 데는?", "딴 데 없어?", "거기 말고",
)  # fmt: skip
_SELECT = ("{}번 갈래", "{}번으로 할게", "{}번 ㄱㄱ")
_ENDS = ("", "", "", "", " ㅠㅠ", " ㅎㅎ", "!", "~")
_ANYTHING, _DISH, _SAYS_BUDGET, _SAYS_COMPANY, _SAYS_TIME, _SAYS_CARD = (
    0.3,
    0.5,
    0.3,
    0.35,
    0.2,
    0.2,
)
"""Shares: of open questions, of dishes among the others, and of what is said besides."""

_SHARPNESS = 1.3
"""Of the choice among tastes: how surely the favourite is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked: `food` a category, a dish, or None for anything."""

    text: str
    food: str | None


def make_wish(
    rng: np.random.Generator,
    *,
    likes: npt.NDArray[np.float64],
    dishes: npt.NDArray[np.float64],
    slot: int,
    companion: str,
    budget_won: int | None,
    dietary: tuple[str, ...] = (),
) -> Wish:
    """Draw a question by tastes: `likes` of categories [c], `dishes` in the order of `DISHES` [d]."""
    food = None if rng.random() < _ANYTHING else _food(rng, likes, dishes)
    before = ""
    if companion in _WITH and rng.random() < _SAYS_COMPANY:
        before = _pick(rng, _WITH[companion])
    elif rng.random() < _SAYS_TIME:
        before = _pick(rng, _SLOTS[slot])
    if food is None:
        if "not_spicy" in dietary and rng.random() < 0.5:
            return Wish(text=before + "안 매운 거 먹고 싶어", food=None)
        return Wish(text=before + _pick(rng, _ANY), food=None)
    if budget_won is not None and rng.random() < _SAYS_BUDGET:
        before += f"{spoken_won(budget_won)}으로 "
    elif rng.random() < _SAYS_CARD:
        before += _pick(rng, _CARD)
    named = food if food in DISHES else _pick(rng, SPOKEN[food])
    text = before + _pick(rng, _ASK).format(named)
    return Wish(text=text if text.endswith("?") else text + _pick(rng, _ENDS), food=food)


def refine(rng: np.random.Generator) -> str:
    """Return a second question in the same conversation."""
    return _pick(rng, _REFINE)


def select(rng: np.random.Generator, position: int) -> str:
    """Return the message that takes the shop at a 1-based position."""
    return _pick(rng, _SELECT).format(position)


def spoken_won(won: int) -> str:
    """Return an amount as children write it.

    >>> spoken_won(5_000), spoken_won(10_000), spoken_won(9_500)
    ('5천원', '만원', '9500원')
    """
    if won == 10_000:
        return "만원"
    return f"{won // 1_000}천원" if won < 10_000 and won % 1_000 == 0 else f"{won}원"


def _food(
    rng: np.random.Generator,
    likes: npt.NDArray[np.float64],
    dishes: npt.NDArray[np.float64],
) -> str:
    if rng.random() < _DISH:
        names = tuple(DISHES)
        of = np.array([likes[CATEGORIES.index(DISHES[name])] for name in names])
        return _by_taste(rng, names, of + dishes)
    names = tuple(SPOKEN)
    return _by_taste(rng, names, np.array([likes[CATEGORIES.index(name)] for name in names]))


def _by_taste(
    rng: np.random.Generator, names: tuple[str, ...], utility: npt.NDArray[np.float64]
) -> str:
    """Choose by the multinomial logit of utilities."""
    chance = np.exp(_SHARPNESS * (utility - utility.max()))
    return names[int(rng.choice(len(names), p=chance / chance.sum()))]


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
