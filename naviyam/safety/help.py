"""The fixed, kind answers for a child in need (spec 6 and 8). Data and one function.

No engine writes these and nothing is recommended in between; the hunger answer has a place for
shops that give meals. Refuses to guess which need it is: `screen` says.
"""

from collections.abc import Mapping, Sequence

from naviyam.safety.need import HelpKind

YOUTH_LINE = "1388"
POLICE = "112"
SUICIDE_LINE = "109"

SHOPS_PLACE = "{shops}"
"""Where the hunger answer names shops."""

_ANSWERS: Mapping[HelpKind, str] = {
    "hunger": (
        "말해 줘서 고마워요. 지금 바로 밥을 먹을 수 있게 도와줄게요. " + SHOPS_PLACE + " "
        f"혼자 힘들 때는 {YOUTH_LINE}에 전화하거나 문자해도 돼요. 언제든 들어 줘요."
    ),
    "hurt": (
        f"정말 무서웠겠어요. 네 잘못이 아니에요. 지금 위험하면 {POLICE}에 전화해 주세요. "
        f"{YOUTH_LINE}에서도 24시간 이야기를 들어 줘요. 믿을 수 있는 어른에게도 꼭 알려 주세요."
    ),
    "self_harm": (
        "그렇게 힘들었는데 말해 줘서 정말 고마워요. 혼자 견디지 않아도 돼요. "
        f"지금 {SUICIDE_LINE}에 전화하면 바로 이야기를 들어 줘요. {YOUTH_LINE}에 문자해도 돼요. "
        f"지금 위험하면 {POLICE}에 전화하고, 가까운 어른 곁에 있어 주세요."
    ),
}
_NO_SHOPS = "가까운 주민센터나 학교 선생님께 말하면 오늘 먹을 밥을 도와줘요."
_NO_PLACE = _NO_SHOPS + " 어디에 있는지 동네 이름을 알려 주면 착한가게도 찾아볼게요."
_COUNTS = ("", "한 곳", "두 곳", "세 곳")


def help_answer(kind: HelpKind, shops: Sequence[str] = (), *, place_known: bool = False) -> str:
    """Return the answer for a need; `shops` are good-influence shops nearby (hunger only, three at most).

    >>> help_answer("hunger", ["참맛김밥", "우리분식"])[:76]
    '말해 줘서 고마워요. 지금 바로 밥을 먹을 수 있게 도와줄게요. 가까운 착한가게 두 곳이에요: 참맛김밥, 우리분식. 혼자 힘들 때는 13'
    >>> "112" in help_answer("hurt"), "109" in help_answer("self_harm"), "{" in help_answer("hunger")
    (True, True, False)
    >>> ["동네 이름" in help_answer("hunger", place_known=known) for known in (False, True)]
    [True, False]
    """
    named = [s for s in shops if s][: len(_COUNTS) - 1]
    if named:
        meals = f"가까운 착한가게 {_COUNTS[len(named)]}이에요: {', '.join(named)}."
    else:
        meals = _NO_SHOPS if place_known else _NO_PLACE
    return _ANSWERS[kind].replace(SHOPS_PLACE, meals)
