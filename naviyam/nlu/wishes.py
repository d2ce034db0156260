"""Finds every wish that is neither food, place nor shop: money, card, company, time, diet, order. Pure.

Each finder reads the cleaned text and returns spans in spec 7's vocabulary; what was not said is
not returned.
"""

import re
from collections.abc import Callable

from naviyam.nlu.spans import Span, overlaps
from naviyam.text.numbers import find_amounts, native_count

_CARD = re.compile(
    r"(?:아동\s?)?급식\s?(?:카드|카)|급카|(?:아동|아동급식|꿈나무|컬러풀|푸르미|G드림|지드림|드림|꿈자람|밥)\s?카드|(?<![가-힣])카드(?=(?:로|가|도|는)?\s?(?:되|돼|쓸|사용|결제|받|긁|먹|가능|안\s?되|안\s?돼))"
)
_TOO_MUCH = re.compile(
    r"\s?(?:원)?(?:은|는|짜리는|짜리|이)?\s?(?:너무\s)?(?:비싸|비싼|말고|말구|넘어|부담)|\s?(?:이상|초과|넘는\s?(?:거|데|곳|것)?(?!\s?(?:거|건|데|곳)?(?:은|는)?\s?(?:말|빼|싫|안)))|\s?(?:원)?\s?(?:할인|쿠폰|더\s?(?:내|싼|비싼|싸))"
)
_GOOD = re.compile(
    r"착한\s?(?:가게|식당|업소|가격\s?업소|음식점|밥집|치킨집|데|곳)|선한\s?영향력|선한\s?(?:가게|식당)|(?:공짜|무료)(?:로|인|\s)\s?(?:[가-힣]+\s)?(?:밥|먹|주는|식사|음식)|아이들?(?:한테|에게)\s?(?:공짜|무료)"
)
_OPEN = re.compile(
    r"(?:지금|현재|아직|이\s?시간(?:에|대에)?|오늘|바로|당장)\s?(?:도\s)?(?:바로\s|당장\s|문\s|갈\s수\s있는\s)?(?:열려|열린|열었|열어|여는|연\s|연데|연곳|영업|문\s?연|문\s?열|하는\s?(?:데|곳|치킨|식당|가게|집|밥집|카페|분식|피자|편의점|[가-힣]*집)|하고\s?있는|갈\s?수\s?있는|먹을\s?수\s?있는|하나|해\?)|문\s?(?:연|열린|열려\s?있는|열려있는|여는|안\s?닫[은는]?)\s?(?:데|곳|집|가게|식당|[가-힣]+집|있|$|\?)|문\s?열었|열려\s?있는\s|열려있는|열린\s?(?:데|곳|가게|식당|집|[가-힣]+집)|영업\s?중|안\s?닫은|24\s?시간"
)
_TIMES = (
    ("late_night", re.compile(r"밤\s?(?:1[0-2]|[89]|열|아홉|열한|열두)\s?시|밤늦|늦은\s?(?:밤|시간|저녁)|야식|심야|새벽|한밤|밤에|이\s?밤|오후\s?(?:9|10|11)\s?시|오늘\s?밤")),
    ("breakfast", re.compile(r"아침|모닝|조식|등교\s?(?:전|하기|길)|등굣길|학교\s?가기\s?전|오전\s?(?:[6-9]|10|일곱|여덟|아홉|열)\s?시")),
    ("lunch", re.compile(r"점심|런치|중식\s?시간|(?:낮|오후|오전)\s?(?:11|12|1|2|열두|열한|한|두)\s?시|한낮|점심때")),
    ("after_school", re.compile(r"(?:학교|학원|수업|태권도|피아노|방과\s?후\s?수업|보충)\s?(?:이|가|은)?\s?(?:끝나|끝난|끝내|마치|마친|다녀와|갔다)|방과\s?후|하교|하굣길|오후\s?(?:[345]|세|네|다섯)\s?시|학원\s?가기\s?전|집에\s?가는\s?길|끝나고")),
    ("dinner", re.compile(r"저녁|디너|오후\s?(?:[678]|여섯|일곱|여덟)\s?시|해\s?질")),
)  # fmt: skip
_CLOCK = (
    ("late_night", re.compile(r"(?:저녁|밤|오후)\s?(?:9|10|11|아홉|열|열한)\s?시")),
    ("dinner", re.compile(r"저녁\s?(?:[5-8]|다섯|여섯|일곱|여덟)\s?시")),
    ("lunch", re.compile(r"(?<![\d가-힣])(?:12|1|열두|한)\s?시(?=에|쯤|정도|\s)")),
    ("dinner", re.compile(r"(?<![\d가-힣])(?:6|7|여섯|일곱)\s?시(?=에|쯤|정도|\s)")),
    ("after_school", re.compile(r"(?<![\d가-힣])(?:3|4|5|세|네|다섯)\s?시(?=에|쯤|정도|\s)")),
)  # fmt: skip
_PAST = re.compile(r"[^.!?,]{0,14}(?:먹었|먹어서|먹은|갔었|갔던|시켰|굶었|못\s?먹었)")
_WITH = r"(?:이랑|랑|하고|이하고|과|와|도\s?(?:같이|함께|데리)|들이랑|들하고|들과|네랑|끼리|\s?모시고|\s?데리고|\s?같이|\s?함께)"
_FAMILY = r"(?:엄마|아빠|어머니|아버지|부모님|가족|식구|동생|누나|형아|형|언니|오빠|할머니|할아버지|할미|삼촌|이모|고모|사촌|엄빠|여동생|남동생|쌍둥이)"
_FRIEND = r"(?:친구|베프|짝꿍|짝|절친|칭구|친그|여친|남친|여자\s?친구|남자\s?친구|단짝)"
_COMPANIONS = (
    ("alone", re.compile(r"혼자|혼밥|나\s?홀로|(?<![가-힣\d])1인분|(?:나|저)만\s?(?:가|먹)|혼술")),
    ("group", re.compile(r"단체|반\s?(?:애들|친구들|아이들|전체)|모임|동아리|축구부|농구부|야구부|우리\s?반|다\s?같이|여럿이|여러\s?명|회식|조별|모둠|팀원|학원\s?애들|애들이랑|애들하고|뒤풀이")),
    ("friend", re.compile(rf"{_FRIEND}(?:들)?(?:\s?(?:둘|셋|넷|다섯|두|세|네|[2-9])(?:\s?명)?)?{_WITH}|{_FRIEND}들?(?:이|가)?\s?(?:놀러|온대|왔|와서)|{_FRIEND}들?\s(?:둘|셋|넷|다섯|여섯|[2-9]\s?명|[두세네]\s?명)|생일\s?파티")),
    ("family", re.compile(rf"{_FAMILY}(?:들)?(?:\s?(?:둘|셋|두|세)(?:\s?명)?)?{_WITH}|{_FAMILY}\s?(?:외식|나들이|식사|모임)|온\s?가족|가족끼리|(?:엄마|아빠|부모님|할머니)\s?생신")),
)  # fmt: skip
_COUNT = r"(하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|열|한|두|세|네|\d{1,2})"
_OTHERS = re.compile(
    rf"(?:{_FRIEND}|{_FAMILY})(?:들)?\s?{_COUNT}\s?(?:명|분|사람)?\s?(?:이랑|랑|하고|과|와)(?!\s?(?:나|저|내가))"
)
_TOGETHER = re.compile(
    rf"(?:우리|저희|친구들?|친구랑|엄마랑|아빠랑|동생이랑|가족|애들|식구|총|다\s?해서|모두|합쳐서|가족이|가족은|친구들이랑)?\s?(?<![가-힣\d]){_COUNT}\s?(?:명|사람|이서|식구|분)(?!\s?째)(?!\s?이랑|\s?하고)|(?:우리|저희|총|모두)\s?(둘|셋|넷|다섯|여섯|일곱|여덟)|(?<![가-힣])(둘|셋|넷|다섯|여섯)(?:이|이서|이가|이서만)(?:\s|$|서)|(\d{{1,2}})\s?인(?!분|용|당|승)|(?:친구랑|엄마랑|아빠랑|동생이랑|누나랑|형이랑|언니랑|오빠랑)\s(둘|셋|넷)(?:이|$|\s)"
)
_NOT_SPICY = re.compile(
    r"안\s?매[운워웠]|안\s?맵|맵지\s?않|안\s?매콤|덜\s?매[운]|덜\s?맵|매[운워][가-힣]?\s?(?:거|것|음식|건|걸|맛|맛은)?(?:은|는|을|를|만|도|이|가)?\s?(?:잘\s)?(?:말고|말구|빼고|빼구|못\s?먹|안\s?먹|싫|제외|빼줘|아닌)|매운거\s?(?:는|은)?\s?(?:잘\s)?(?:말고|빼|못|안\s?먹|싫)|매운\s?(?:거|것|걸)\s?(?:잘\s)?못|순한\s?맛|순한\s?(?:거|음식)|맵찔이|매운\s?맛\s?(?:못|싫|빼)"
)
_HEALTHY = re.compile(
    r"건강한|건강하게|건강에\s?좋|건강해지|몸에\s?좋|살\s?(?:안|덜)\s?찌|다이어트|영양|칼로리\s?(?:낮|적)|저칼로리|웰빙|건강\s?(?:밥상|음식|메뉴)|채소\s?많|야채\s?많"
)
_VEGETARIAN = re.compile(
    r"채식|비건|베지테리언|베지|고기(?:가|를|는)?\s?(?:안\s?들어|없는|안\s?먹|못\s?먹)|식물성"
)
_SORTS = (
    ("cheapest", re.compile(r"(?<![가-힣])(?:제일|가장|젤|최대한|더|좀|쫌|조금|되게|엄청|완전|좀\s?더)?\s?(?:싼(?!\s?티)|싸게|싸고|싼거|싼데|싸면|싼곳|값싼|저렴|가성비|저가|싸구|저렴이|가격\s?(?:낮|착한|괜찮|싼)|안\s?비싼|비싸지\s?않|안비싼|부담\s?없는\s?가격|돈\s?(?:적게|조금|별로))|(?:제일|젤|가장|어디가)\s?싸|최저가|낮은\s?가격|가격순|싼\s?순")),
    ("nearest", re.compile(r"(?:제일|가장|젤|더|좀)?\s?(?:가까운|가깝|가까이|안\s?먼|멀지\s?않은|가까워|덜\s?먼)|거리\s?순|최단")),
    ("popular", re.compile(r"인기|유명|핫한|핫플|잘\s?나가|많이\s?(?:가는|먹는|찾는|시키는|팔린|가)|사람\s?많은|요즘\s?(?:뜨는|핫)|소문난|다들\s?(?:가|먹)|애들이\s?좋아|줄\s?서")),
    ("highest_rated", re.compile(r"별점|평점|평가\s?좋|평\s?좋|리뷰\s?(?:좋|많|점수)|후기\s?(?:좋|괜찮|많)|평이\s?좋|별\s?(?:다섯|5)\s?개|점수\s?높")),
)  # fmt: skip
_ATMOSPHERE = (
    ("조용한", re.compile(r"조용[한하]|시끄럽지\s?않|안\s?시끄러")),
    ("분위기 좋은", re.compile(r"분위기\s?(?:좋|있|괜찮|이쁜|예쁜)|무드")),
    ("깨끗한", re.compile(r"깨끗|깔끔|청결|위생")),
    ("넓은", re.compile(r"(?:자리\s?|가게\s?|좌석\s?)?넓[은고직]|자리\s?많")),
    ("아늑한", re.compile(r"아늑|포근")),
    ("예쁜", re.compile(r"예쁜\s?(?:데|곳|카페|가게|식당)|이쁜\s?(?:데|곳|카페|가게|식당)|사진\s?(?:찍|잘\s?나|맛집)|인스타")),
    ("편한", re.compile(r"눈치\s?(?:안|보지)|편하게|편한|편안")),
    ("친절한", re.compile(r"(?<!불)친절")),
    ("신나는", re.compile(r"신나는|활기|재밌는\s?(?:데|곳)")),
)  # fmt: skip


def find_wishes(text: str) -> tuple[Span, ...]:
    """Find all wishes in a cleaned text, sorted by place.

    >>> [(s.key, s.value) for s in find_wishes("친구 셋이랑 급식카드로 만원 이하")]
    [('companion', 'friend'), ('party_size', 4), ('payment_method', 'meal_card'), ('budget_max', 10000)]
    """
    spans: list[Span] = []
    for find in _FINDERS:
        spans.extend(find(text))
    return tuple(sorted(spans, key=lambda s: (s.start, s.key)))


def _single(key: str, value: object, pattern: re.Pattern[str]) -> Callable[[str], list[Span]]:
    def find(text: str) -> list[Span]:
        m = pattern.search(text)
        return [_span(key, value, m)] if m else []

    return find


def _span(key: str, value: object, m: re.Match[str]) -> Span:
    said = m.group()
    start = m.start() + len(said) - len(said.lstrip())
    return Span(key=key, value=value, start=start, end=m.end() - (len(said) - len(said.rstrip())))


def _budget(text: str) -> list[Span]:
    """Of several amounts the one that is a limit: those called too much are left out; a range means its upper end."""
    amounts = [a for a in find_amounts(text) if not _TOO_MUCH.match(text, a.end)]
    if not amounts:
        return []
    ranged = len(amounts) > 1 and re.search(
        r"에서|부터|~|-|사이", text[amounts[0].end : amounts[1].end + 4]
    )
    chosen = max(amounts, key=lambda a: a.won) if ranged else amounts[-1]
    return [Span(key="budget_max", value=chosen.won, start=chosen.start, end=chosen.end)]


def _time_of_day(text: str) -> list[Span]:
    for value, pattern in (*_CLOCK, *_TIMES):
        for m in pattern.finditer(text):
            if not _PAST.match(text, m.end()) and not re.match(
                r"\s?(?:까지|에\s?(?:문|열|닫))\s?(?:해|하나|열|닫|문)", text[m.end() :]
            ):
                return [_span("time_of_day", value, m)]
    return []


def _companion(text: str) -> list[Span]:
    for value, pattern in _COMPANIONS:
        m = pattern.search(text)
        if m and not re.match(r"\s?(?:말고|싫)", text[m.end() :]):
            return [_span("companion", value, m)]
    return []


def _party_size(text: str) -> list[Span]:
    m = _OTHERS.search(text)
    if m:
        count = native_count(m[1])
        return [_span("party_size", count + 1, m)] if count and count < 50 else []
    m = _TOGETHER.search(text)
    if m is None:
        return []
    count = native_count(next(g for g in m.groups() if g))
    return [_span("party_size", count, m)] if count and 0 < count < 100 else []


def _dietary(text: str) -> list[Span]:
    pairs = (("not_spicy", _NOT_SPICY), ("healthy", _HEALTHY), ("vegetarian", _VEGETARIAN))
    return [_span("dietary", v, m) for v, p in pairs if (m := p.search(text))]


def _sort(text: str) -> list[Span]:
    found = [
        _span("sort", value, m)
        for value, pattern in _SORTS
        if (m := pattern.search(text))
        and not re.match(r"\s?(?:거|데|곳)?\s?(?:말고|필요\s?없|없어도)", text[m.end() :])
    ]
    return sorted(found, key=lambda s: s.start)[:1]


def _atmosphere(text: str) -> list[Span]:
    for value, pattern in _ATMOSPHERE:
        if m := pattern.search(text):
            return [_span("atmosphere", value, m)]
    return []


_FINDERS: tuple[Callable[[str], list[Span]], ...] = (
    _budget,
    _single("payment_method", "meal_card", _CARD),
    _single("is_good_influence_shop", True, _GOOD),
    _single("open_now", True, _OPEN),
    _time_of_day,
    _companion,
    _party_size,
    _dietary,
    _sort,
    _atmosphere,
)


def free_of(text: str, spans: tuple[Span, ...]) -> str:
    """Return the text with the spans blanked out."""
    return "".join(" " if overlaps(i, i + 1, spans) else c for i, c in enumerate(text))
