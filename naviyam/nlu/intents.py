"""What a message wants, decided from its findings by an ordered table. Pure; the words are in `phrases`.

Refuses to find entities (the finders do) and to use the conversation's filters (`resolve` does).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from naviyam.nlu.phrases import (
    ABOUT_BOT,
    CARD_QUESTION,
    CHOOSE,
    COMPLAINT,
    EATS,
    FILLER,
    FOODISH,
    GREETING,
    GRUMBLE,
    HUNGRY,
    MENU_QUESTION,
    NOT_TO_EAT,
    NUMBER_WORDS,
    ORDINAL,
    OTHER_THINGS,
    PURE_LAUGH,
    REFINE,
    SEEK,
    SERVICE,
    SHOP_QUESTION,
    SMALLTALK,
    STILL_ASKS,
    TASTE,
    THANKS,
)
from naviyam.nlu.spans import Span
from naviyam.request import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a decision looks at."""

    text: str
    spans: tuple[Span, ...]
    shop: bool
    ordinal: bool
    pointing: bool
    has_history: bool
    chosen: bool = False
    """Words of choosing meet a shop of the last answer by its food, or its place in an order (제일 싼 데로 갈래)."""

    refine: str | None
    refine_opens: bool
    """The message begins with its refinement (더 싼 데는?), so that it is one even without a history."""

    def has(self, *keys: str) -> bool:
        """Tell whether any of the filters was said, wanted or not."""
        return any(s.key in keys for s in self.spans)

    @property
    def paying(self) -> bool:
        """Tell whether the card is to pay."""
        return any(s.key == "payment_method" and not s.negated for s in self.spans)

    @property
    def wants_food(self) -> bool:
        """Tell whether a food is wished for."""
        return any(s.key in _FOOD_KEYS and not s.negated for s in self.spans)

    @property
    def wishes(self) -> int:
        """Count the kinds of wishes about food, company, time and taste; two of them are no small talk."""
        kinds = {"food" if s.key in _FOOD_KEYS else s.key for s in self.spans}
        return len(kinds & _WISHES) if kinds & {"food", "dietary"} else 0

    def says(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.text) is not None


def refinement(text: str) -> str | None:
    """Return how a message changes the last wish: cheaper, nearer, elsewhere, wish, or None.

    >>> [refinement(t) for t in ("더 싼 데는?", "거기 말고", "좀 더 가까운 데", "그럼 피자는?", "치킨 추천해줘")]
    ['cheaper', 'elsewhere', 'nearer', 'wish', None]
    """
    return next((kind for kind, pattern in REFINE if pattern.search(text)), None)


def opens_with_refinement(text: str) -> bool:
    """Tell whether nothing but a filler word stands before the refinement.

    >>> opens_with_refinement("에이 너무 멀다"), opens_with_refinement("택시비 너무 비싸")
    (True, False)
    """
    start = min((m.start() for _, p in REFINE if (m := p.search(text))), default=len(text))
    return FILLER.fullmatch(text[:start]) is not None


def ordinal(text: str, shown: int) -> tuple[int, int, int] | None:
    """Return (rank, start, end) of a shop named by its number; the last one counts from `shown` (3 if unknown).

    >>> ordinal("두 번째 거 갈래", 3), ordinal("마지막 거", 2), ordinal("18번 버스", 3), ordinal("1번 출구", 3)
    ((2, 0, 4), (2, 0, 5), None, None)
    """
    m = ORDINAL.search(text)
    if m is None:
        return None
    if m["digit"]:
        rank = int(m["digit"])
    elif m["last"]:
        rank = shown or 3
    elif m["top"]:
        rank = 1
    elif m["middle"]:
        rank = 2
    else:
        rank = NUMBER_WORDS[m["word"] or m["short"] or m["sino"]]
    return rank, m.start(), m.end()


def decide(f: Findings) -> tuple[Intent, float]:
    """Return the first intent whose condition holds, and how plain that was."""
    for intent, confidence, condition in _TABLE:
        if condition(f):
            return intent, confidence
    return Intent.OUT_OF_SCOPE, 0.2


_COMPANY = ("companion", "party_size", "time_of_day")
_FOOD_KEYS = ("category", "food_type")
_WISHES = frozenset(("food", "dietary", "companion", "party_size", "time_of_day", "sort", "atmosphere", "location", "payment_method"))  # fmt: skip


def _asked_of_shop(f: Findings) -> bool:
    return f.shop or ((f.ordinal or f.pointing) and f.refine is None and not f.has("budget_max"))


_BLAME = re.compile(r"[왜웨]\s?(?:맨날|자꾸|계속|또|이렇게|이런|다)?\s?(?:똑같|같은\s?(?:데|곳|거|것|집|가게)|이상한|먼\s?데|닫힌|없는\s?(?:데|가게|곳))")  # fmt: skip


def _complains(f: Findings) -> bool:
    if f.says(_BLAME):
        return True
    about_service = f.has_history or f.says(SERVICE)
    grumbles = f.says(COMPLAINT) or (f.says(GRUMBLE) and about_service)
    return grumbles and f.refine != "elsewhere" and not f.says(STILL_ASKS)


def _bare(f: Findings) -> bool:
    return all(s.key == "time_of_day" for s in f.spans) and not f.says(FOODISH)


def _about_me(f: Findings) -> bool:
    return f.says(ABOUT_BOT) and not f.spans


_NEAR_WORD = re.compile(
    r"근처|주변|근방|부근|인근|가까|앞|옆|걸어서|도보|동네|주위|안\s?먼|멀지|분\s?거리|여기서"
)
_ASKING = re.compile(r"\?|있[어나을니냐음]|어디|되[나니냐요]|돼|됨|알려|가능|수\s?있|찾아|받[아나]|써\s?도")  # fmt: skip
_MAY_I = re.compile(
    r"(?:사도|먹어도|시켜도|써도|결제해도|긁어도)\s?(?:돼|되)|(?:살|쓸|긁을|결제할)\s?수\s?(?:는\s?)?있(?:나|어|냐|니|을까|음|는지)"
)
"""Asks what the card may be used for, whatever food is named (급식카드로 빵 사도 돼?)."""

_SOMEWHERE = re.compile(r"데(?:로|$|[\s?!.ㄱㅎㅋㅠ])|곳|아무|^.{1,11}$")
_CARD_OF_A_WISH = re.compile(r"추천|ㅊㅊ|먹고|먹을|먹으|머글|땡[기겨긴]|ㄱㄱ|골라|갈\s?[만래]")


def _near(f: Findings) -> bool:
    """Near, and no food named: 집 앞에 먹을 데 있나; with a dish it is a wish for the dish."""
    place = any(s.key == "location" for s in f.spans)
    near = any(s.key == "location" and str(s.value).startswith("near_") for s in f.spans)
    near = near or any(s.key == "sort" and s.value == "nearest" for s in f.spans)
    near = near or (place and f.says(_NEAR_WORD)) or f.says(_HARD_BY)
    wanted = any(s.key in _FOOD_KEYS and not s.negated for s in f.spans)
    return near and not wanted and (f.says(FOODISH) or f.says(SEEK) or f.says(_SOMEWHERE))


def _asks_for_card(f: Findings) -> bool:
    """Whether or where the card works; a dish wished, or food with words of wishing, is a wish."""
    if f.paying and f.says(_MAY_I):
        return True
    if not f.paying or f.has("food_type") or f.refine == "elsewhere":
        return False
    if any(s.key == "category" and not s.negated for s in f.spans):
        return f.says(_ASKING) and not f.says(_CARD_OF_A_WISH)
    return f.says(CARD_QUESTION) or not (f.says(FOODISH) or f.has("sort", "companion", "dietary"))


_MENU_OF = re.compile(
    r"메뉴(?:판|표)?\s?(?:도\s?|좀\s?|더\s?|다\s?)?(?:ㄱ|알려|보여|뭐|궁금|말해|$)|가격표"
)
"""Said of a shop by its number it asks for the menu, however it ends (첫번째집 메뉴판 ㄱㄱ)."""

_NOT_IT = re.compile(r"(?:번|째|거|꺼|집|가게)(?:은|는)?\s?(?:말[고구]|빼고|싫|별로|패스)")
_SCHOOLWORK = re.compile(
    r"(?:수학|영어|국어|과학|사회|한국사|문제집|시험지|숙제)[가-힣\s]{0,6}\d{1,2}\s?번|\d{1,2}\s?번\s?(?:답|문제|풀이)"
)
_ASKS_HOW_IT_IS = re.compile(
    r"(?:후기|리뷰|평점|별점|평|사장님|위생|분위기|자리|서비스)[은는이가도]?\s?(?:어때|어떄|좋아|좋나|좋은가|괜찮|많아|있어|깨끗|친절)[가-힣]{0,3}\s?\??$"
)
"""Asks of a shop's looks with a word of choosing (후기 좋아?)."""

_NO_EATERY = re.compile(
    r"(?:다이소|올리브영|[pP][cC]방|피시방|피씨방|노래방|코노|오락실|화장실|병원|약국|은행|문방구|문구점|서점|만화방|영화관|무인\s?사진관|인생네컷|미용실|우체국|경찰서|주민센터|수영장|놀이터|스터디카페|교통카드)(?:이|가|은|는|을|를|도)?\s?(?:어디|있|찾|위치|몇|가고|갈|알려|급해|충전|추천)"
)
"""A place where nobody eats is asked for."""

_HARD_BY = re.compile(
    r"(?<![가-힣])(?:역|정류장|상가|건물|골목|담장|정문|후문)\s?(?:바로\s)?(?:앞|옆|밑|안|뒤|너머|입구)|(?:아파트|학원|학교)\s?(?:안|밑|상가|건물|담장|뒷문)|코\s?닿"
)
"""Near something that is no place of its own."""

_ASKS_OF_IT = re.compile(r"(?<!어)(?<!까)(?<!래)(?<!지)(?<!뭐)\?$|(?:나|니|냐|나요|은가요|가요)$")
"""A question, and none that chooses (거기 어때?, 거기 갈까?)."""

_OTHER_AT_LAST = re.compile(
    r"(?:다른|딴)\s?(?:거|데|곳|집|걸|가게|메뉴)(?:로|는|요|도|좀)?\s?(?:없|있|보여|추천|알려)?[가-힣]{0,3}[?!.~ㅠㅎㅋ\s]*$"
)
"""Whatever was said of the shops before it, the message ends with wanting others."""

_ONLY = re.compile(
    r"(?:되|돼|쓸\s?수\s?있|받|먹히)는?\s?(?:데|곳|집|가게|식당|거)?(?:들)?만(?:\s?(?:요|보여|알려|골라|추천|다시))?[\s?!.~ㄱㅎㅋㅠ]*$"
)
_ONE_MORE = re.compile(
    r"(?:한\s?명|하나|두\s?명|친구|동생|엄마|아빠)[가-힣\s]{0,6}더\s?(?:와|온|오|늘|있|추가)|(?:한|두|세)\s?명\s?(?:더|추가|늘)|명으로\s?늘"
)
"""What changes a wish that stands, without a word of changing."""

_AGAIN = re.compile(
    r"^(?:좀\s?|조금\s?)?더\s?[가-힣]{1,5}(?:운|은|한|큰|난|쁜|있는)\s?(?:거|데|곳|집|걸로|것)(?:로|는|요|도)?\s?(?:없|있|보여|추천|알려)?[가-힣]{0,3}[?!.~ㅠ]*$|재탐색|^다른\s(?=[가-힣]+(?:은|는|도)?\s?(?:없|있|어때))|(?:그|이|방금[가-힣\s]{0,6}|아까[가-힣\s]{0,6}|나온\s?(?:데|곳|거))\s?중에|바꿔|바꾸|변경|다시|(?<!원)보다\s?(?:더\s?)?(?:싼|싸|저렴|가까)|^(?:그럼|그러면|아니면|아님)\s?[가-힣\s]{1,10}(?:은|는)(?:\s?(?:어때|어떄|어떰|있어|없어|없나))?[?!.]*$|순(?:으로|대로)\s?(?:다시|보여)"
)
"""Words that only follow an answer."""

_CHANGE = re.compile(r"(?:으로|로)(?:만|요|는|용)?[\s?!.~ㄱㅎㅋㅠㅜ]*$|(?:데|곳|거|걸)(?:로|으로)|만\s?(?:보여|골라|추천|알려)|순(?:으로|대로)?|다시|말[고구][\s?!.~]*$|(?:은|는)요?\s?\?*$|더\s|중에")  # fmt: skip
_ANEW = re.compile(r"(?:내일|모레|다음\s?주|이번\s?주|주말|나중|오늘은|저녁에는|점심에는|이따)[가-힣]{0,3}\s|아\s?그리고|추천(?:해|좀|\s)|뭐\s?먹|먹고\s?싶")  # fmt: skip


def _refines(f: Findings) -> bool:
    at_last = not f.spans and f.says(_OTHER_AT_LAST)
    if not (f.has_history or f.refine_opens or at_last or f.says(_AGAIN)):
        return False
    if f.refine in ("cheaper", "nearer"):
        named = f.has(*_FOOD_KEYS, "location", "budget_max") and not f.has_history
        return not named
    if f.refine == "elsewhere" and at_last:
        return True
    if f.refine == "elsewhere":
        new = f.wants_food or f.has("budget_max", "location")
        return f.has_history or not new or f.says(_AGAIN)
    if not f.has_history:
        return f.says(_AGAIN)
    if f.has("party_size", "companion") and f.says(_ONE_MORE):
        return True
    if f.spans and not f.shop and f.says(_ONLY) and not f.says(_ANEW):
        return True
    if f.says(_RATHER) and any(s.negated for s in f.spans):
        return True
    if f.refine == "wish" and not f.says(_ANEW):
        return bool(f.spans) or f.says(FOODISH)
    return bool(f.spans) and f.says(_CHANGE) and not f.says(_ANEW)


_RATHER = re.compile(r"말[고구]|빼고|아니고")
_TOLD = re.compile(r"던데|더라|다는데|라는데|대요|다며|잖아|줬|됐|했어|갔는데|갔더니|안\s?된다|안\s?받는다")  # fmt: skip
"""Words of what happened; asking about the card has none of them."""

_ASKED_LAST = re.compile(r"카드?[가는도로]?\s?(?:되|돼|됨|받[나아]|가능|쓸\s?수\s?있)[가-힣]{0,3}[?!.~]*$")  # fmt: skip
_LOST_CARD = re.compile(r"카드(?:를|을)?\s?(?:다\s)?(?:잃어|분실|재발급|도둑)")
_EVEN_THERE = re.compile(r"(?:가|에)서도\s")

# The confidences are shares of right decisions on utterances that the rules had not seen (November 2026), rounded.
_TABLE: tuple[tuple[Intent, float, Callable[[Findings], bool]], ...] = (
    (Intent.MEAL_CARD_INQUIRY, 0.93, lambda f: _asked_of_shop(f) and f.paying and not f.has("budget_max") and not f.says(CHOOSE)),
    (Intent.MEAL_CARD_INQUIRY, 0.93, lambda f: f.shop and f.paying and f.says(_ASKED_LAST)),
    (Intent.COMPLAINT, 0.93, lambda f: _complains(f) and not (f.says(CARD_QUESTION) and not f.says(_TOLD))),
    (Intent.OUT_OF_SCOPE, 0.92, lambda f: f.says(_NO_EATERY) and not f.wants_food),
    (Intent.REFINE, 0.9, lambda f: f.ordinal and f.says(_NOT_IT)),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.ordinal and f.says(_SCHOOLWORK)),
    (Intent.MENU_INQUIRY, 0.92, lambda f: f.ordinal and f.says(_MENU_OF)),
    (Intent.SHOP_INQUIRY, 0.9, lambda f: f.ordinal and f.says(_ASKS_HOW_IT_IS)),
    (Intent.SELECT, 0.95, lambda f: f.ordinal and f.says(CHOOSE) and f.refine is None),
    (Intent.MENU_INQUIRY, 0.92, lambda f: _asked_of_shop(f) and f.says(MENU_QUESTION)),
    (Intent.SELECT, 0.93, lambda f: f.ordinal and not f.says(SHOP_QUESTION)),
    (Intent.SELECT, 0.93, lambda f: f.chosen),
    (Intent.SHOP_INQUIRY, 0.9, lambda f: _asked_of_shop(f) and f.says(SHOP_QUESTION) and not (f.pointing and f.says(CHOOSE))),
    (Intent.SELECT, 0.9, lambda f: _asked_of_shop(f) and f.says(CHOOSE)),
    (Intent.SHOP_INQUIRY, 0.8, lambda f: _asked_of_shop(f) and f.says(_ASKS_OF_IT) and not f.has(*_FOOD_KEYS)),
    (Intent.SELECT, 0.7, lambda f: f.pointing and f.refine is None and not f.has(*_FOOD_KEYS) and not f.says(GREETING) and len(f.text) < 12),
    (Intent.MENU_INQUIRY, 0.8, lambda f: f.shop and f.has("food_type", "dietary")),
    (Intent.FOOD_RECOMMENDATION, 0.85, lambda f: f.shop and f.says(EATS) and not f.has_history),
    (Intent.SHOP_INQUIRY, 0.7, lambda f: f.shop),
    (Intent.MEAL_CARD_INQUIRY, 0.88, lambda f: f.paying and f.says(CARD_QUESTION) and f.says(_EVEN_THERE)),
    (Intent.REFINE, 0.92, _refines),
    (Intent.GOOD_SHOP_INQUIRY, 0.92, lambda f: f.has("is_good_influence_shop")),
    (Intent.BUDGET_FOOD_INQUIRY, 0.97, lambda f: f.has("budget_max")),
    (Intent.OPEN_NOW_INQUIRY, 0.92, lambda f: f.has("open_now")),
    (Intent.MEAL_CARD_INQUIRY, 0.88, _asks_for_card),
    (Intent.MEAL_CARD_INQUIRY, 0.88, lambda f: f.says(_LOST_CARD)),
    (Intent.MENU_INQUIRY, 0.7, lambda f: f.has(*_FOOD_KEYS) and bool(re.search(r"얼마|몇\s?원|가격이", f.text))),
    (Intent.NEARBY_INQUIRY, 0.92, _near),
    (Intent.OUT_OF_SCOPE, 0.85, _about_me),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(NOT_TO_EAT)),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(OTHER_THINGS) and not (f.wants_food or f.says(EATS) or f.has("dietary", "sort"))),
    (Intent.THANKS, 0.93, lambda f: f.says(THANKS) and not f.wants_food),
    (Intent.GREETING, 0.93, lambda f: f.says(GREETING) and _bare(f)),
    (Intent.FOOD_RECOMMENDATION, 0.92, lambda f: f.wishes > 1),
    (Intent.FOOD_RECOMMENDATION, 0.88, lambda f: f.has(*_FOOD_KEYS) and f.says(SEEK)),
    (Intent.FOOD_RECOMMENDATION, 0.85, lambda f: f.has(*_FOOD_KEYS, "ingredient", "dietary")),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(TASTE) or (f.says(HUNGRY) and f.says(FOODISH))),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(SMALLTALK) and not f.says(FOODISH)),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(EATS) and not f.says(SMALLTALK)),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(FOODISH) and f.has("companion", "party_size")),
    (Intent.FOOD_RECOMMENDATION, 0.8, lambda f: f.says(FOODISH) and bool(f.spans)),
    (Intent.FOOD_RECOMMENDATION, 0.65, lambda f: f.says(FOODISH) and not f.says(SMALLTALK)),
    (Intent.OUT_OF_SCOPE, 0.5, lambda f: f.says(SMALLTALK)),
    (Intent.FOOD_RECOMMENDATION, 0.8, lambda f: f.has("party_size") and len(f.text) < 12),
    (Intent.FOOD_RECOMMENDATION, 0.65, lambda f: f.has("sort", "atmosphere")),
    (Intent.FOOD_RECOMMENDATION, 0.4, lambda f: f.has( "payment_method", "location")),
    (
        Intent.FOOD_RECOMMENDATION,
        0.25,
        lambda f: bool(f.spans) and (len(f.text) < 9 or any(s.key not in _COMPANY for s in f.spans)),
    ),
    (Intent.OUT_OF_SCOPE, 0.5, lambda f: f.says(PURE_LAUGH)),
)  # fmt: skip
