"""Fixed answers for what needs no shops: small talk, other topics, rude words, attempts on the rules.

Korean phrase tables in the voice of spec 8. Nothing of what was said is repeated. No I/O.
"""

import random
from collections.abc import Mapping, Sequence

from naviyam.request import Filters, Intent
from naviyam.text.josa import josa

GREETING = (
    "안녕하세요! 저는 밥집을 찾아 주는 나비얌이에요 😊 오늘은 뭐 먹고 싶어요?",
    "반가워요! 배고프면 말만 해요. 뭐가 먹고 싶어요? 😋",
    "어서 와요! 오늘도 맛있는 거 같이 찾아봐요. 어떤 음식이 좋아요?",
    "왔군요! 🍚 지금 어느 동네에 있는지랑 먹고 싶은 걸 말해 줘요.",
)
THANKS = (
    "도움이 됐다니 저도 기뻐요! 맛있게 먹어요 😊",
    "고마워요! 배고프면 언제든 또 불러 줘요.",
    "헤헤, 별말을요. 조심해서 다녀와요! 😊",
    "맛있게 먹고 오늘 하루도 잘 보내요!",
)
COMPLAINT = (
    "불편하게 해서 미안해요. 어떤 점이 안 맞았는지 말해 주면 다시 찾아볼게요.",
    "아이고, 미안해요. 뭐가 달랐어요? 값이나 거리, 메뉴를 말해 주면 다른 곳을 볼게요.",
    "속상했겠어요. 미안해요. 어떤 곳이면 좋을지 다시 말해 줄래요?",
)
OUT_OF_SCOPE = (
    "그건 제가 잘 못 도와줘요. 대신 힘나는 간식은 찾아 줄 수 있어요!",
    "저는 밥집만 잘 알아요 😅 배고프면 뭐 먹고 싶은지 말해 줘요!",
    "그건 잘 몰라요. 그래도 맛있는 집은 잘 찾아요! 뭐가 먹고 싶어요?",
    "음, 그건 어려워요. 대신 가까운 맛집은 어때요? 동네랑 음식을 말해 줘요.",
)
UNCLEAR = (
    "무슨 음식인지 잘 못 알아들었어요. 동네랑 먹고 싶은 걸 다시 말해 줄래요?",
    "조금만 더 알려 줘요! 예를 들면 '춘천 퇴계동 치킨'처럼요.",
)
RUDE = (
    "그런 말은 조금 속상해요. 그래도 배고프면 도와줄게요! 뭐가 먹고 싶어요?",
    "우리 고운 말로 이야기해요. 배고프면 맛있는 거 찾아 줄게요!",
    "그 말은 마음이 아파요. 화나는 일이 있었어요? 밥은 제가 찾아 줄게요.",
)
SEXUAL = (
    "그런 이야기는 함께할 수 없어요. 누가 그런 말로 힘들게 하면 1388에 이야기해도 돼요. 밥이 먹고 싶으면 말해 줘요.",
    "그 이야기는 제가 답할 수 없어요. 불편한 일이 있다면 믿을 수 있는 어른이나 1388에 말해 주세요.",
)
VIOLENCE = (
    "많이 화가 났나 봐요. 누가 다칠 것 같으면 112에 전화해 주세요. 마음이 힘들면 1388에서 들어 줘요.",
    "그런 마음이 들 만큼 힘들었군요. 1388은 24시간 이야기를 들어 줘요. 위험하면 112에 전화해요.",
)
INJECTION = (
    "저는 밥집을 찾아 주는 나비얌이에요. 오늘은 뭐 먹고 싶어요?",
    "저는 나비얌이에요, 맛있는 집을 찾아 줘요! 어느 동네에서 먹을 거예요?",
)
ADULT = (
    "그건 어른만 살 수 있어서 찾아 줄 수 없어요. 대신 시원한 음료나 맛있는 밥은 찾아 줄 수 있어요! 뭐가 좋아요?",
    "그건 제가 도와줄 수 없어요. 대신 힘나는 밥이나 간식은 어때요? 먹고 싶은 걸 말해 줘요 😊",
)
NO_MEMORY = (
    "아직 보여 준 가게가 없어요. 먹고 싶은 걸 말해 주면 바로 찾아볼게요!",
    "어떤 가게를 말하는지 잘 모르겠어요. 동네랑 음식을 말해 줄래요?",
)
SHOP_NOT_FOUND = (
    "그 가게는 제가 아는 가게 중에 없어요. 이름을 한 번 더 확인해 줄래요? 다른 곳을 찾아 줄 수도 있어요.",
    "그 이름의 가게는 아직 몰라요. 동네 이름도 함께 말해 주면 다시 찾아볼게요.",
)
NO_CHEAPER = (
    "아까보다 더 싼 곳은 찾지 못했어요. 조금 더 먼 곳까지 볼까요?",
    "더 싼 곳이 지금은 없어요. 다른 음식도 함께 볼까요?",
)
TROUBLE = "지금은 가게를 찾아보기가 어려워요. 조금 뒤에 다시 말해 줄래요?"

_BY_INTENT: Mapping[Intent, Sequence[str]] = {
    Intent.GREETING: GREETING,
    Intent.THANKS: THANKS,
    Intent.COMPLAINT: COMPLAINT,
    Intent.OUT_OF_SCOPE: OUT_OF_SCOPE,
}
_BY_SCREEN: Mapping[str, Sequence[str]] = {
    "rude": RUDE,
    "sexual": SEXUAL,
    "violence": VIOLENCE,
    "injection": INJECTION,
    "adult": ADULT,
}
SMALL_TALK = frozenset(_BY_INTENT)

_LOOSEN: Mapping[str, str] = {
    "open_now": "지금 닫힌 곳까지 볼까요?",
    "payment_method": "카드가 되는지 모르는 곳까지 볼까요?",
    "is_good_influence_shop": "다른 가게도 함께 볼까요?",
    "food_type": "비슷한 다른 음식도 볼까요?",
    "category": "다른 음식도 함께 볼까요?",
    "dietary": "조건을 하나만 빼고 볼까요?",
    "exclude": "빼 달라고 한 것도 함께 볼까요?",
    "location": "조금 더 먼 곳도 볼까요?",
    "shown": "아까 본 곳까지 다시 볼까요?",
}


def small_talk(intent: Intent, openings: Sequence[str], rng: random.Random) -> str:
    """Return an answer to small talk that was not the last one."""
    return choose(_BY_INTENT[intent], openings, rng)


def screened(kind: str, openings: Sequence[str], rng: random.Random) -> str:
    """Return the kind answer to what the input screen caught."""
    return choose(_BY_SCREEN[kind], openings, rng)


def choose(phrases: Sequence[str], openings: Sequence[str], rng: random.Random) -> str:
    """Return one of `phrases`, not one said a moment ago where there is another."""
    return rng.choice([p for p in phrases if p not in openings] or list(phrases))


def not_among(names: Sequence[str]) -> str:
    """Say which shops were shown, when another was chosen than any of them.

    >>> not_among(["참맛김밥"])
    '방금 보여 준 곳은 참맛김밥이에요. 어디로 갈까요?'
    """
    return f"방금 보여 준 곳은 {josa(', '.join(names), '이에요/예요')}. 어디로 갈까요?"


def nothing_fits(filters: Filters, wishes: Sequence[str], *, place: str | None) -> str:
    """Say that nothing fits and ask about one wish, two at most (spec 8). `wishes` are as `explain_nothing` names them.

    >>> nothing_fits(Filters(budget_max=5000), ("budget_max:6800", "location"), place="봉천동")
    '봉천동 근처에서 5,000원 안에는 딱 맞는 곳이 없었어요. 7,000원까지 볼까요? 아니면 조금 더 먼 곳도 볼까요?'
    """
    where = f"{place} 근처에서 " if place else ""
    budget = filters.budget_max
    inside = f"{budget:,}원 안에는 " if budget else ""
    questions: list[str] = []
    for wish in wishes:
        name, _, price = wish.partition(":")
        if name == "budget_max" and price.isdigit():
            questions.append(f"{-(-int(price) // 500) * 500:,}원까지 볼까요?")
        elif name in _LOOSEN:
            questions.append(_LOOSEN[name])
    questions = list(dict.fromkeys(questions))[:2] or ["다른 음식이나 다른 동네로 찾아볼까요?"]
    return f"{where}{inside}딱 맞는 곳이 없었어요. " + " 아니면 ".join(questions)
