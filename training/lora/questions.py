"""Seeded questions as children type them, with what they mean: the left side of the first dialogues.

Made from parts, so simulated; a data set built from them says so in its card.
"""

import random
from dataclasses import dataclass

from naviyam.request import Emotion, Filters, Intent

DISHES = (
    "떡볶이", "김밥", "라면", "돈까스", "짜장면", "짬뽕", "탕수육", "햄버거", "비빔밥", "김치찌개", "된장찌개", "순대국", "국밥", "칼국수", "냉면",
    "우동", "초밥", "파스타", "샌드위치", "만두", "제육볶음", "볶음밥", "오므라이스", "카레", "쌀국수", "삼계탕", "불고기", "갈비탕", "덮밥", "토스트",
    "순두부찌개", "잔치국수", "쫄면", "핫도그", "마라탕", "닭갈비", "찜닭", "부대찌개", "떡국", "샐러드", "죽", "빵", "와플", "타코야끼", "치즈돈까스",
)  # fmt: skip
CATEGORIES = (
    "한식",
    "분식",
    "중식",
    "일식",
    "양식",
    "치킨",
    "피자",
    "패스트푸드",
    "카페",
    "베이커리",
    "고기",
)
_SPOKEN_CATEGORY = {"중식": ("중국집", "중식"), "분식": ("분식", "분식집"), "치킨": ("치킨", "치킨집"), "피자": ("피자", "피자집"), "카페": ("카페",), "베이커리": ("빵집",), "고기": ("고기", "고깃집"), "한식": ("한식", "밥집"), "일식": ("일식", "일식집"), "양식": ("양식", "경양식"), "패스트푸드": ("패스트푸드", "햄버거집")}  # fmt: skip
_PLACES = (
    "봉천동",
    "신림역",
    "효자동",
    "퇴계동",
    "석사동",
    "후평동",
    "응암동",
    "불광동",
    "관악구",
    "춘천역",
    "우리 동네",
    "학교 앞",
    "집 근처",
    "학원 근처",
)
_BUDGETS = {3000: ("3천원", "3000원", "삼천원"), 5000: ("5천원", "오천원", "5000원", "5처넌"), 6000: ("6천원", "6000원"), 7000: ("7천원", "칠천원"), 8000: ("8천원", "8000원 이하", "팔천 원"), 9000: ("9천원", "구천원"), 10000: ("만원", "만 원", "10000원", "1만원")}  # fmt: skip
_CARD = (
    "급식카드 되는 ",
    "급식카드로 ",
    "급카 되는 ",
    "카드 되는 ",
    "아동급식카드 되는 ",
    "급식카드 쓸 수 있는 ",
)
_ASK = (
    " 추천해줘", " 추천해 주세요", " 먹고 싶어", " 먹고싶다", " 어디 있어?", " 알려줘", " 찾아줘", " ㅊㅊ", " ㄱㄱ", " 먹을래", " 있어?", " 있나요?",
    " 어디가 좋아?", " 머글래", " 좀 알려줘요", " 먹을 데 있어?", " 땡긴다", " 가고 싶어요", "",
)  # fmt: skip
_OPEN_ASK = (
    "지금 열린 {x} 있어?",
    "지금 문 연 {x} 알려줘",
    "{x} 지금 하는 데 있어?",
    "지금 갈 수 있는 {x} 어디야?",
    "이 시간에 연 {x} 있나요?",
)
_MOODS = {
    Emotion.HUNGRY: (
        "배고파",
        "배고파 죽겠다",
        "배고팡 ㅠ",
        "너무 배고파요",
        "배고픈데 뭐 먹지",
        "밥 먹고 싶어",
    ),
    Emotion.TIRED: (
        "오늘 너무 피곤해",
        "학원 끝나고 지쳤어",
        "힘들다 밥 먹을래",
        "졸리고 피곤한데 뭐 먹지",
    ),
    Emotion.UPSET: (
        "오늘 기분 안 좋아",
        "친구랑 싸워서 속상해",
        "시험 망했어 맛있는 거",
        "우울한데 맛있는 거 먹을래",
    ),
}
_PLAIN = (
    "뭐 먹을까?",
    "밥집 추천해줘",
    "맛있는 데 알려줘",
    "오늘 뭐 먹지?",
    "먹을 거 추천 ㄱㄱ",
    "갈 만한 식당 있어?",
    "추천해줘",
    "밥 뭐 먹어",
    "메뉴 골라줘",
    "아무거나 맛있는 거",
    "식당 어디 있어?",
)
_NEAR = (
    "근처 밥집 알려줘",
    "가까운 데 있어?",
    "집 근처 {x}",
    "여기서 가까운 {x}",
    "걸어갈 수 있는 {x}",
    "주변에 {x} 있어?",
    "젤 가까운 {x} 어디야",
)
_GOOD = ("착한가게 알려줘", "선한영향력가게 있어?", "착한 가게 어디 있어요", "근처 착한가게 {x}")
_CHEAPER = (
    "더 싼 데는?",
    "더 싼 거 없어?",
    "좀 더 저렴한 곳",
    "비싸 더 싼 데",
    "더 싼 곳 보여줘",
    "너무 비싸요",
)
_OTHERS = (
    "다른 데는?",
    "거기 말고",
    "딴 데 없어?",
    "다른 곳 보여줘",
    "또 없어?",
    "다른 거 추천해줘",
    "여기 말고 다른 데",
)
_SELECT = (
    "1번 갈래",
    "두 번째 거 갈래",
    "첫번째로 할게",
    "3번이 좋아",
    "거기 갈래",
    "아까 거기로 갈래",
    "마지막 거!",
    "2번 ㄱㄱ",
    "그럼 1번",
    "여기로 정했어",
)
_SHOP = (
    "{s} 메뉴 뭐 있어?",
    "{s} 몇 시까지 해?",
    "{s} 어디 있어?",
    "{s} 급식카드 돼?",
    "{s} 지금 열었어?",
    "{s} 얼마야?",
)
_COMPANY = {
    "friend": (
        "친구랑 {x} 먹을래",
        "친구들이랑 갈 데 있어?",
        "친구랑 둘이 {x}",
        "짝꿍이랑 {x} 먹기로 했어",
    ),
    "family": (
        "엄마랑 {x} 먹고 싶어",
        "동생이랑 갈 만한 데",
        "할머니랑 {x} 먹으러 갈래",
        "가족이랑 저녁 먹을 데",
        "아빠랑 {x}",
    ),
    "alone": (
        "혼자 {x} 먹어도 되는 데",
        "혼자 먹기 좋은 곳",
        "나 혼자 {x} 먹을래",
        "혼밥할 데 있어?",
    ),
    "group": ("우리 반 애들이랑 {x}", "다섯 명이서 갈 데", "여럿이 {x} 먹을 데"),
}
_WHEN = {
    "breakfast": ("아침에 {x}", "아침밥 먹을 데", "아침으로 {x} 먹고 싶어"),
    "lunch": ("점심에 {x}", "점심 뭐 먹지", "점심 먹을 데 추천", "점심으로 {x} 어때"),
    "after_school": (
        "학교 끝나고 {x}",
        "학원 끝나고 먹을 거",
        "학교 마치고 {x} 먹을래",
        "하교하고 간식",
    ),
    "dinner": ("저녁에 {x}", "저녁 추천 좀", "저녁으로 {x} 먹고 싶다", "저녁밥 어디서 먹지"),
    "late_night": ("밤 10시에 {x} 먹을 데", "늦게까지 하는 {x}", "밤에 {x} 먹고 싶어"),
}
_TAILS = ("", "", "", "", "!", "~", " ㅎㅎ", " ㅋㅋ", " ㅠㅠ", "요", "..", " 제발")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and its meaning. `{s}` in `text` stands for the shop's name."""

    text: str
    intent: Intent
    filters: Filters
    emotion: Emotion = Emotion.NEUTRAL


def make_question(rng: random.Random) -> Question:
    """Draw one question; kinds are weighted as children are expected to ask."""
    kinds = (
        _food,
        _budget,
        _plain,
        _mood,
        _near,
        _open,
        _good,
        _cheaper,
        _others,
        _select,
        _shop,
        _company,
        _when,
    )
    made = rng.choices(kinds, weights=(27, 13, 7, 7, 7, 8, 4, 6, 6, 5, 4, 6, 6))[0](rng)
    tail = rng.choice(_TAILS) if not made.text.endswith(("?", "!")) else ""
    return Question(
        text=(made.text + tail).strip(),
        intent=made.intent,
        filters=made.filters,
        emotion=made.emotion,
    )


def _wish(rng: random.Random) -> tuple[str, dict[str, str]]:
    if rng.random() < 0.5:
        dish = rng.choice(DISHES)
        return dish, {"food_type": dish}
    category = rng.choice(CATEGORIES)
    return rng.choice(_SPOKEN_CATEGORY[category]), {"category": category}


def _food(rng: random.Random) -> Question:
    spoken, wish = _wish(rng)
    filters: dict[str, object] = dict(wish)
    text = spoken + rng.choice(_ASK)
    if rng.random() < 0.35:
        text, filters["payment_method"] = rng.choice(_CARD) + text, "meal_card"
    if rng.random() < 0.3:
        place = rng.choice(_PLACES)
        text, filters["location"] = f"{place} {text}", place
    return Question(
        text=text, intent=Intent.FOOD_RECOMMENDATION, filters=Filters.from_dict(filters)
    )


def _budget(rng: random.Random) -> Question:
    amount = rng.choice(sorted(_BUDGETS))
    spoken = rng.choice(_BUDGETS[amount])
    filters: dict[str, object] = {"budget_max": amount}
    if rng.random() < 0.5:
        word, wish = _wish(rng)
        filters |= wish
        text = rng.choice(
            (
                f"{spoken}으로 {word} 먹을 수 있어?",
                f"{spoken} {word}",
                f"{word} {spoken} 안에서",
                f"{spoken}으로 {word} 먹을 데",
            )
        )
    else:
        text = rng.choice(
            (
                f"{spoken}으로 뭐 먹을까?",
                f"{spoken} 있는데 뭐 먹지",
                f"{spoken} 안에서 추천해줘",
                f"{spoken}으로 먹을 수 있는 거",
            )
        )
    if rng.random() < 0.2:
        text, filters["payment_method"] = rng.choice(_CARD) + text, "meal_card"
    return Question(
        text=text, intent=Intent.BUDGET_FOOD_INQUIRY, filters=Filters.from_dict(filters)
    )


def _plain(rng: random.Random) -> Question:
    filters: dict[str, str] = {}
    text = rng.choice(_PLAIN)
    if rng.random() < 0.3:
        text, filters = rng.choice(_CARD) + "곳 " + text, {"payment_method": "meal_card"}
    return Question(
        text=text, intent=Intent.FOOD_RECOMMENDATION, filters=Filters.from_dict(filters)
    )


def _mood(rng: random.Random) -> Question:
    emotion = rng.choice(sorted(_MOODS))
    filters: dict[str, str] = {}
    text = rng.choice(_MOODS[emotion])
    if rng.random() < 0.4:
        spoken, filters = _wish(rng)
        text = f"{text} {spoken}{rng.choice(_ASK)}"
    return Question(
        text=text,
        intent=Intent.FOOD_RECOMMENDATION,
        filters=Filters.from_dict(filters),
        emotion=emotion,
    )


def _company(rng: random.Random) -> Question:
    return _with(rng, _COMPANY, "companion")


def _when(rng: random.Random) -> Question:
    return _with(rng, _WHEN, "time_of_day")


def _with(rng: random.Random, table: dict[str, tuple[str, ...]], key: str) -> Question:
    value = rng.choice(sorted(table))
    text = rng.choice(table[value])
    spoken, wish = _wish(rng)
    filters = {key: value, **(wish if "{x}" in text else {})}
    return Question(
        text=text.format(x=spoken),
        intent=Intent.FOOD_RECOMMENDATION,
        filters=Filters.from_dict(filters),
    )


def _near(rng: random.Random) -> Question:
    spoken, wish = _wish(rng)
    text = rng.choice(_NEAR)
    filters = {"location": "near_me", **(wish if "{x}" in text else {})}
    return Question(
        text=text.format(x=spoken), intent=Intent.NEARBY_INQUIRY, filters=Filters.from_dict(filters)
    )


def _open(rng: random.Random) -> Question:
    spoken, wish = _wish(rng)
    if rng.random() < 0.5:
        spoken, wish = rng.choice(("곳", "밥집", "데", "가게")), {}
    return Question(
        text=rng.choice(_OPEN_ASK).format(x=spoken),
        intent=Intent.OPEN_NOW_INQUIRY,
        filters=Filters.from_dict({"open_now": True, **wish}),
    )


def _good(rng: random.Random) -> Question:
    spoken, wish = _wish(rng)
    text = rng.choice(_GOOD)
    filters = {"is_good_influence_shop": True, **(wish if "{x}" in text else {})}
    return Question(
        text=text.format(x=spoken),
        intent=Intent.GOOD_SHOP_INQUIRY,
        filters=Filters.from_dict(filters),
    )


def _cheaper(rng: random.Random) -> Question:
    _, wish = _wish(rng)
    wish = wish if rng.random() < 0.5 else {}
    return Question(
        text=rng.choice(_CHEAPER),
        intent=Intent.REFINE,
        filters=Filters.from_dict({"sort": "cheapest", **wish}),
    )


def _others(rng: random.Random) -> Question:
    _, wish = _wish(rng)
    wish = wish if rng.random() < 0.5 else {}
    return Question(text=rng.choice(_OTHERS), intent=Intent.REFINE, filters=Filters.from_dict(wish))


def _select(rng: random.Random) -> Question:
    return Question(text=rng.choice(_SELECT), intent=Intent.SELECT, filters=Filters())


def _shop(rng: random.Random) -> Question:
    return Question(text=rng.choice(_SHOP), intent=Intent.SHOP_INQUIRY, filters=Filters())
