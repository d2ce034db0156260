"""Finds every wish that is neither food, place nor shop: money, card, company, time, diet, order. Pure.

Each finder reads the cleaned text and returns spans in spec 7's vocabulary; what was not said is
not returned.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from naviyam.nlu.spans import Span, overlaps
from naviyam.text.numbers import Amount, find_amounts, native_count

_CARD = re.compile(
    r"(?:아동\s?)?급식\s?(?:카드|카(?![페레라스]))|급카(?![페레])|(?:아동|아동급식|꿈나무|컬러풀|푸르미|푸른|참사랑|아이\s?푸드|아이\s?사랑|행복\s?드림|G드림|지드림|드림|꿈자람|밥)\s?카드|(?<![가-힣])카드(?=(?:로|가|도|는)?\s?(?:되|돼|됨|쓸|사용|결제|받|긁|먹|가능|안\s?되|안\s?돼|없어도|없이도|상관|찍|잔액|한도|충전|비번|비밀번호))"
)
_CARD_NO_MATTER = re.compile(
    r"(?:로|가|는|은|도)?\s?(?:(?:꼭\s?)?(?:안|못)\s?(?:돼|되|받|써|쓰|쓸|해|하|긁)[가-힣]{0,4}\s?(?:돼|되|괜찮|상관\s?없|오케|ㄱㅊ|됨)|(?:꼭\s?)?(?:없어|없이|아니어|아녀|아니라|안\s?써|안\s?쓰)[가-힣]{0,2}도?\s?(?:돼|되|괜찮|상관\s?없|오케|ㄱㅊ|됨)|(?:되든|돼든)\s?(?:안|말)|(?:되는지\s?)?상관\s?없|상관\s?안|신경\s?(?:안|쓰지)|말고\s?(?:현금|돈)|(?:는|은|도)?\s?(?:안|못)\s?쓸\s?(?:거|게|래|꺼)|(?:는|은)?\s?(?:오늘\s?)?(?:안|못)\s?(?:가져|들고|갖고)|두고\s?(?:왔|나왔)|놓고\s?(?:왔|나왔)|(?:를|을)?\s?(?:집에\s?)?(?:두고|놓고)|없이|말고(?!\s?다른\s?카드))"
)
_CASH = re.compile(
    r"현금(?:으로|만|이|있|\s?결제|\s?낼|\s?쓸|\s?내)|내\s?돈으로|용돈으로\s?(?:낼|내|살|계산)|계좌\s?이체|(?:엄마|아빠|부모님)\s?카드"
)
_TOO_MUCH = re.compile(
    r"\s?(?:원)?(?:은|는|짜리는|짜리|이)?\s?(?:너무\s)?(?:비싸|비싼|말고|말구|넘어|부담)|\s?(?:이상|초과|넘는\s?(?:거|데|곳|것)?)(?!\s?(?:거|건|데|곳)?(?:은|는|인\s?(?:거|데|곳|건))?\s?(?:말|빼|싫|안|못|제외))|\s?(?:원)?\s?(?:할인|쿠폰|더\s?(?:내|싼|비싼|싸))"
)
_BILLS = re.compile(r"\s?(?:짜리|지폐)?\s?(하나|한|두|세|석|네|다섯|여섯|일곱|여덟|아홉|열|\d{1,2})\s?(?:장|개)(?![가-힣]*\s?(?:먹|사))")  # fmt: skip
"""Notes or coins counted: 천원짜리 다섯 장."""

_GOOD = re.compile(
    r"착한\s?(?:가게|식당|업소|가격\s?업소|음식점|밥집|치킨집|데|곳)|선한\s?영향력|선한\s?(?:가게|식당)|(?:공짜|꽁짜|무료)(?:로|인|\s)\s?(?:[가-힣]+\s)?(?:밥|먹|주는|식사|음식)|아이들?(?:한테|에게)\s?(?:공짜|무료)|(?:밥|음식)[을를]?\s?(?:그냥|공짜로|꽁짜로|무료로)\s?(?:주|먹)|(?:애들?|아이들?|학생|어린이|초딩|중딩)[가-힣\s]{0,8}?(?:공짜|꽁짜|무료|그냥\s?(?:밥\s?)?주)|돈\s?안\s?(?:받는|내도)\s?[가-힣\s]{0,6}(?:가게|식당|데|곳|집)|(?:공짜|꽁짜)\s?밥"
)
_OPEN = re.compile(
    r"(?:지금|현재|오늘|아직)\s?(?:도\s)?오픈(?:한|중|해|했)|오픈\s?(?:중|해\s?있|되어)|(?:(?:지금|현재)(?:\s?시간에)?|아직|이\s?시간(?:에|대에)?|이\s?시각(?:에)?|오늘|바로|당장)\s?(?:도\s)?(?:바로\s|당장\s|문\s|갈\s수\s있는\s)?(?:열려|열린|열었|열어|여는|연\s|연데|연곳|영업|장사|문\s?연|문\s?열|하는\s?(?:데|곳|치킨|식당|가게|집|밥집|카페|분식|피자|편의점|[가-힣]*집)|하고\s?있는|(?:먹으러\s)?갈\s?수\s?있[는을]|먹을\s?수\s?있[는을]|하나|해\?)|문\s?(?:연|열린|열려\s?있는|열려있는|여는|안\s?닫[은는]?)\s?(?:데|곳|집|가게|식당|[가-힣]+집|있|$|\?)|문\s?열었|문\s?열려\s?있|열려\s?있(?:을까|으려나|는\s)|이\s?시간에?\s?(?:갈|먹을)\s?(?:데|곳|수)|브레이크\s?(?:타임)?\s?(?:아닌|없는)|(?:요일|공휴일|명절|설날|추석|연휴|휴일)인데\s?(?:문\s?)?(?:여는|하는|연|열린)\s?(?:데|곳|가게|식당|카페|[가-힣]{1,4}집)|열려있는|열린\s?(?:데|곳|가게|식당|집|[가-힣]+집)|(?:영업|장사)\s?(?:중|하(?:는|고))|안\s?닫은|라스트\s?오더\s?(?:안|전)|주문\s?(?:되는|받는)\s?(?:데|곳|식당|가게)|마감\s?(?:안\s?한|전)|(?:문|다)\s?닫았을[가-힣\s]{0,8}하는\s?(?:데|곳)|24\s?시간|(?<![가-힣])연\s(?:[가-힣]{1,4}집|데|곳|가게|식당|편의점|카페)|불\s?켜진\s?(?:데|곳|가게|식당|집)|(?:밤|새벽|시)(?:인데|에|신데|이라)?\s?(?:도\s)?(?:문\s?)?(?:연|여는|열린|하는)\s?(?:데|곳|가게|식당|집)|문\s?(?:열|연)[가-힣]{0,3}\s?(?:데|곳)"
)
_TIMES = (
    ("late_night", re.compile(r"밤\s?늦|늦은\s?(?:밤|시간)|야식|심야|새벽|한밤|밤에|이\s?밤|오늘\s?밤|자정|(?<![가-힣])밤(?:인데|이라|이야|중)|야자\s?(?:끝|마치)|자기\s?전에|늦었는데")),
    ("breakfast", re.compile(r"아침(?!\s?(?:부터|밥?도?\s?(?:못|안|굶)|을?\s?(?:못|안|굶)|에?\s?(?:못|안)\s?먹))|모닝(?!\s?빵)|조식|등교\s?(?:전|하기|길)|등굣길|학교\s?가기\s?전|아점|브런치\s?시간")),
    ("lunch", re.compile(r"점심|즘심|점싱|런치|중식\s?시간|한낮|대낮|(?<![가-힣])낮에")),
    ("after_school", re.compile(r"(?:학교|학원|수업|태권도|피아노|방과\s?후\s?수업|방과후|보충|도서관|돌봄|축구\s?교실|축구|농구|야구|검도|줄넘기|논술|학습지|체육|동아리|수영|미술|과외|공부방|합기도|발레|알바|연습)\s?(?:이|가|은|을|도)?\s?(?:끝|마치|마친|다녀와|갔다)|방과\s?후|하교|하굣길|학원\s?가기\s?전|집에\s?가는\s?길|(?:^|[,.!?]\s?|오늘\s|이따\s|이제\s)끝나고|학교\s?갔다\s?와")),
    ("dinner", re.compile(r"저녁|저녘|저넉|져녁|디너|해\s?질|석식")),
)  # fmt: skip
_HOURS = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10, "열한": 11, "열두": 12}  # fmt: skip
_CLOCK = re.compile(
    r"(?P<part>오전|아침|새벽|낮|점심|오후|저녁|밤)?\s?(?<![\d가-힣:])(?<!\d\s)(?P<hour>\d{1,2}|열한|열두|열|한|두|세|네|다섯|여섯|일곱|여덟|아홉)\s?(?:시(?!간|킬|킨|켜|작|험|장|청|금)|신데|:\d\d)"
)
_EVENING = re.compile(r"학원|야자|밤|늦|독서실|저녁")
_PAST = re.compile(
    r"[^.!?,]{0,14}(?:먹었|먹어서|먹은|갔었|갔던|시켰|굶었|못\s?먹었|별로였|맛없었|노맛|맛\s?없었)"
)
_WITH = r"(?:이랑|랑|하고|이하고|과|와|도\s?(?:같이|함께|데리|온)|들이랑|들하고|들과|네랑|끼리|\s?모시고|\s?데리고|\s?같이|\s?함께|한테\s?사\s?줄|\s?데려)"
_FAMILY = r"(?:엄마|아빠|어머니|아버지|부모님|가족|식구|동생|누나|형아|형|언니|오빠|할머니|할무니|할아버지|할미|삼촌|이모|고모|사촌|엄빠|여동생|남동생|쌍둥이|외할머니)"
_FRIEND = r"(?:친구|베프|짝꿍|짝지|짝|절친|칭구|친그|여친|남친|여자\s?친구|남자\s?친구|단짝|찐친)"
_SOME = (
    r"(?:하나|둘|셋|넷|다섯|여섯|일곱|여덟|한|두|세|네|[2-9]|10)\s?(?:이서|명|분|사람)?(?:이서|이)?"
)
_COMPANIONS = (
    ("alone", re.compile(r"혼자|혼밥|나\s?홀로|(?<![가-힣\d])1인분(?!도?\s?(?:에|얼마|가격|값|팔|있|되|돼))|(?:나|저)만\s?(?:가|먹)|혼술|나\s?(?:하나|한\s?명)")),
    ("group", re.compile(r"단체|반\s?(?:애들|아이들|전체)|모임|동아리|축구부|농구부|야구부|우리\s?반|다\s?같이|여럿이|여러\s?명|회식|조별|모둠|팀원|학원\s?애들|애들이랑|애들하고|애들끼리")),
    ("friend", re.compile(rf"{_FRIEND}(?:들)?(?:\s?{_SOME})?{_WITH}|{_FRIEND}들?(?:이|가)?\s?(?:놀러|온대|왔|와서)|{_FRIEND}들?\s?{_SOME}(?:\s|$)|{_FRIEND}들?[을를]?\s?만나|생일\s?파티")),
    ("family", re.compile(rf"{_FAMILY}(?:들)?(?:\s?{_SOME})?{_WITH}|{_FAMILY}\s?(?:외식|나들이|식사|모임|저녁|점심|밥|생신|생일|넷|셋|다섯|[3-9]\s?명|[세네]\s?명|{_SOME}(?=\s|$|이))|{_FAMILY}[,\s]+(?:{_FAMILY}|나|저)(?=[\s,])|(?:[두세네]|다섯|여섯|\d)\s?(?:식구|가족)|온\s?(?:가족|식구)|가족끼리|{_FAMILY}(?:이|가)?\s?(?:놀러|온대|왔는데|와서)|{_FAMILY}(?:이|가)\s[^.?!,]{{1,16}}같이\s?(?:갈|먹|가)|\d\s?인\s?가족|{_FAMILY}(?:이|가|도)\s?(?:같이|함께|사\s?준[대다]|쏜[대다])|우리\s?(?:가족|식구)(?!\s?(?:은|는|이)?\s?다)")),
)  # fmt: skip
_NO_COMPANY = re.compile(r"\s?(?:싸[웠우움]|헤어|말고|싫|줬|준|한테\s?받|몰래|없이)")
_COUNT = r"(하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|스무|스물|열한|열두|열|한|두|세|네|\d{1,2})"
_OTHERS = re.compile(
    rf"(?:{_FRIEND}|{_FAMILY}|애들|아이들)(?:들)?\s?{_COUNT}\s?(?:명|분|사람)?\s?(?:이랑|랑|하고|과|와|을?\s?데리고|을?\s?데려|을?\s?모시고)(?!\s?(?:나|저|내가))"
)
_TOGETHER = re.compile(
    rf"(?:우리|저희|친구들?|친구랑|엄마랑|아빠랑|동생이랑|가족|애들|식구|총|다\s?해서|모두|합쳐서|가족이|가족은|친구들이랑)?\s?(?<![가-힣\d])(?:{_COUNT}\s?(?:명|사람|이서|식구)(?!당|꺼|거|것|\s?더)|(?P<polite>두|세|네|다섯|여섯)\s?분(?!\s?(?:안|거리|이내|정도|걸)))(?!\s?째)(?!\s?이랑|\s?하고)|(?:우리|저희|총|모두)\s?(둘|셋|넷|다섯|여섯|일곱|여덟)|(?<![가-힣])단?(둘|셋|넷|다섯|여섯)(?:이|이서|이가|이서만|이야|이에요|이다|임|이예요)(?:\s|$|서|[ㅋㅎㅠ!.~])|(\d{{1,2}})\s?인(?!분|용|당|승|석|실|\s?(?:에\s)?[\d만오육칠팔구])|(?:친구랑|엄마랑|아빠랑|동생이랑|누나랑|형이랑|언니랑|오빠랑)\s(둘|셋|넷)(?:이|$|\s)"
)
_NOT_SPICY = re.compile(
    r"안\s?매[운워웠]|안\s?맵|맵지[도는]?\s?(?:[가-힣]{1,4}지[도는]?\s?)?않|안\s?매콤|덜\s?매[운]|덜\s?맵|매[운워][가-힣]?\s?(?:거|것|음식|건|걸|맛|맛은)?(?:은|는|을|를|만|도|이|가)?\s?(?:잘\s)?(?:말고|말구|빼고|빼구|못\s?먹|안\s?먹|안\s?[돼되됨]|싫|제외|빼줘|아닌)|매운거\s?(?:는|은)?\s?(?:잘\s)?(?:말고|빼|못|안\s?먹|싫)|매운\s?(?:거|것|걸)\s?(?:잘\s)?못|순한\s?맛|순한\s?(?:거|걸|것|음식)|맵찔이|매운\s?맛\s?(?:못|싫|빼)"
)
_HEALTHY = re.compile(
    r"건강한|건강하게|건강에\s?좋|건강해지|몸에\s?좋|살\s?(?:안|덜)\s?찌|다이어트|영양|칼로리\s?(?:낮|적)|저칼로리|웰빙|건강\s?(?:밥상|음식|메뉴)|채소\s?많|야채\s?많"
)
_VEGETARIAN = re.compile(
    r"채식|비건|베지테리언|베지|고기(?:가|를|는)?\s?(?:안\s?들어|없는|안\s?먹|못\s?먹)|식물성"
)
_SORTS = (
    ("cheapest", re.compile(r"(?<![가-힣])(?:제일|가장|젤|최대한|더|좀|쫌|조금|되게|엄청|완전|좀\s?더)?\s?(?:싼(?!\s?티)|싸게|싸고|싼거|싼데|싸면|싼곳|값싼|저렴|가성비|저가|싸구|저렴이|양심\s?가격|가격\s?(?:낮|착한|괜찮|싼)|안\s?비싼|덜\s?비싼|비싸지\s?않|안비싼|부담\s?없는\s?가격|돈\s?(?:적게|조금|별로))|(?:제일|젤|가장|어디가)\s?싸|최저가|낮은\s?가격|가격순|싼\s?순")),
    ("nearest", re.compile(r"(?:제일|가장|젤|더|좀)?\s?(?:가까운(?!\s?편이)|가깝|가까우|가까워|안\s?먼|안\s?멀|멀지\s?않|덜\s?먼)|(?:제일|가장|젤|더|좀)\s?가까이|거리\s?순|최단")),
    ("popular", re.compile(r"인기|(?<!뭐가\s)(?<!뭐가)유명|핫한|핫해|핫하|핫플|잘\s?나가|많이\s?(?:가는|먹는|찾는|시키는|팔린|가)|사람\s?많은|요즘\s?(?:뜨는|핫)|소문난|다들\s?(?:가|먹)|애들이\s?좋아|줄\s?서")),
    ("highest_rated", re.compile(r"별점|평점|평가\s?좋|평\s?좋|리뷰\s?(?:좋|많|점수)|후기\s?(?:좋|괜찮|많)|평이\s?좋|별\s?(?:다섯|5)\s?개|점수\s?높")),
)  # fmt: skip
_ATMOSPHERE = (
    ("조용한", re.compile(r"조용[한하히]|시끄럽지\s?않|안\s?시끄러")),
    ("분위기 좋은", re.compile(r"분위기\s?(?:좋|있|괜찮|이쁜|예쁜)|무드")),
    ("깨끗한", re.compile(r"깨끗|깔끔|청결|위생")),
    ("넓은", re.compile(r"(?:자리\s?|가게\s?|좌석\s?)?넓[은고직]|자리\s?많")),
    ("아늑한", re.compile(r"아늑|포근")),
    ("예쁜", re.compile(r"(?:예|이)쁜(?=\s?(?:데|곳|[가-힣\s]{0,4}카페|가게|식당|집|디저트|인테리어))|(?:예|이)쁘(?:고|게\s?꾸)|사진\s?(?:찍|잘\s?나|맛집)|인스타")),
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
    counted = [(a, *_counted(text, a)) for a in amounts]
    joined = all(
        _AND_MORE.fullmatch(text[end : b.start]) for (_, _, end), (b, _, _) in pairwise(counted)
    )
    if len(counted) > 1 and joined and any(won > a.won for a, won, _ in counted):
        total = sum(won for _, won, _ in counted)
        return [Span(key="budget_max", value=total, start=amounts[0].start, end=counted[-1][2])]
    won, end = _counted(text, chosen)
    return [Span(key="budget_max", value=won, start=chosen.start, end=end)]


_AND_MORE = re.compile(r"\s?(?:이랑|랑|하고|과|와|에|,|\+)?\s?")


def _counted(text: str, amount: Amount) -> tuple[int, int]:
    """Return the won of an amount, times the notes or coins that are counted after it, and where it ends."""
    if (m := _BILLS.match(text, amount.end)) and (count := native_count(m[1])):
        return amount.won * count, m.end()
    return amount.won, amount.end


def _payment(text: str) -> list[Span]:
    """The card, unless it is said not to matter or something else pays; that is returned as unwanted."""
    if m := _CASH.search(text):
        return [Span(key="payment_method", value="meal_card", start=m.start(), end=m.end(), negated=True)]  # fmt: skip
    m = _CARD.search(text)
    if m is None:
        return []
    return [replace(_span("payment_method", "meal_card", m), negated=_CARD_NO_MATTER.match(text, m.end()) is not None)]  # fmt: skip


def _time_of_day(text: str) -> list[Span]:
    """An hour says more than the name of a time (학원 끝나고 10시)."""
    for m in _CLOCK.finditer(text):
        slot = _slot(m["part"], int(m["hour"]) if m["hour"].isdigit() else _HOURS[m["hour"]], text)
        if slot and not _elsewhen(text, m.end()):
            return [_span("time_of_day", slot, m)]
    for value, pattern in _TIMES:
        for m in pattern.finditer(text):
            if not _elsewhen(text, m.end()):
                return [_span("time_of_day", value, m)]
    return []


def _elsewhen(text: str, end: int) -> bool:
    """Tell whether a time belongs to what was eaten before, or to a shop's hours."""
    hours = re.match(r"\s?(?:반|쯤)?(?:까지|에\s?(?:문|열|닫))\s?(?:해|하나|열|닫|문)", text[end:])
    return _PAST.match(text, end) is not None or hours is not None


def _slot(part: str | None, hour: int, text: str) -> str | None:
    """Return the time of day of an hour; a bare hour is read as a child's day goes, None where it may be either."""
    if hour > 24:
        return None
    if part == "새벽" or (part == "밤" and hour >= 7):
        return "late_night"
    if part in ("오전", "아침"):
        return "breakfast" if hour < 11 else "lunch"
    if part is None and hour in (8, 9, 10, 11) and not _EVENING.search(text):
        return None
    if part is None and 6 <= hour <= 8 and re.search(r"등교|학교\s?가기", text):
        return "breakfast"
    hour = hour % 12 + 12 if hour <= 12 else hour
    if part in ("낮", "점심"):
        return "lunch" if hour <= 15 else "after_school"
    bounds = ((14, "lunch"), (17, "after_school"), (20, "dinner"))
    return next((slot for bound, slot in bounds if hour <= bound), "late_night")


def _companion(text: str) -> list[Span]:
    for value, pattern in _COMPANIONS:
        m = pattern.search(text)
        if m and not _NO_COMPANY.match(text, m.end()):
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
        and not re.search(r"(?:\d|원)\s?보다\s?(?:더\s?)?$", text[: m.start()])
        and not re.match(r"\s?(?:거|데|곳)?\s?(?:말고|필요\s?없|없어도)", text[m.end() :])
    ]
    return sorted(found, key=lambda s: s.start)[:1]


def _atmosphere(text: str) -> list[Span]:
    found = [_span("atmosphere", value, m) for value, p in _ATMOSPHERE if (m := p.search(text))]
    return sorted(found, key=lambda s: s.start)[:1]


_FINDERS: tuple[Callable[[str], list[Span]], ...] = (
    _budget,
    _payment,
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
