"""Finds a shop by name in a question. Pure; the names come from the given collection and known brands.

A name that is an everyday word must not fire by accident, so short and ordinary names need a
question that can only be about a shop.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from naviyam.nlu.lexicon import BRANDS, CATEGORY_WORDS, ORDINARY_NAMES
from naviyam.nlu.spans import Span, overlaps
from naviyam.text.clean import squash
from naviyam.text.dishes import DISHES
from naviyam.text.morphemes import is_name

_JOSA = r"(?:이라는|라는|에서는|에서|에는|에|은|는|이|가|을|를|도|의|이랑|랑|으로|로|까지|점|네|요|만|엔|이야|야)?"
_ABOUT_SHOP = re.compile(
    rf"{_JOSA}\s?(?:지금\s|오늘\s|내일\s|거기\s|혹시\s|주말에\s|일요일에\s|가게\s|이번\s?주\s?|[월화수목금토일]요일에?도?\s)*(?:(?:디저트|음료수?|사이드|빵|밥|면|세트|간식)\s?(?:뭐|종류|있)|무슨\s?역|어느\s?역|몇\s?호선|(?:제일|젤|가장)\s?잘\s?나가|브레이크|라스트|쉬나|쉬어|쉬는|쉼|값|뭐가|전번|인기\s?메뉴|세트|대표|자리|좌석|몇\s?명|몇\s?층|이사|휴일|휴무|일요일|월요일|토요일|주말|공휴일|오픈|마감|웨이팅|사람\s?많|길\s?(?:좀|알)|찾아가|와이파이|화장실|제일\s?(?:싼|맛있는|인기)\s?(?:메뉴|거)|젤\s?(?:싼|맛있는)\s?(?:메뉴|거)|(?:안\s?매운|매운|채식)\s?메뉴|뭐뭐|뭐\s?나|오늘\s?메뉴|신메뉴|어딨|몇\s?시|언제|영업|전화|번호|어디(?!\s?(?:좋|추천|없))|위치|주소|문\s?(?:열|닫)|열었|열려|닫았|닫는|여는|메뉴|가격|얼마|급식\s?카드|급카|아동\s?급식|꿈나무|카드|쉬는|휴무|맛있|어때|어떄|어떤|리뷰|별점|평점|알려|정보|가는|가려|갈래|갈게|갈거|갈까|가고|가자|먼가|멀어|먼지|착한가게|선한|뭐\s?(?:팔|있|파|맛)|뭐가|가봤|유명|배달|포장|예약|주차|있어\?|있나|있어|해\?|하나|해요|돼|되나|되나요|됩니까)"
)
_QUOTED = re.compile(r"[\"'“‘「]([^\"'”’」]{2,20})[\"'”’」]")
_ENDINGS = (
    "치킨",
    "통닭",
    "피자",
    "김밥",
    "반점",
    "각",
    "성",
    "루",
    "식당",
    "분식",
    "버거",
    "떡볶이",
    "국수",
    "국밥",
    "칼국수",
    "족발",
    "보쌈",
    "갈비",
    "닭갈비",
    "막국수",
    "베이커리",
    "제과",
    "카페",
    "다방",
    "반찬",
    "돈까스",
    "돈가스",
    "초밥",
    "스시",
    "회관",
    "가든",
    "순대국",
    "냉면",
    "만두",
    "토스트",
    "마라탕",
    "짬뽕",
    "설렁탕",
    "해장국",
    "감자탕",
    "숯불구이",
    "정육식당",
    "푸드",
    "키친",
    "하우스",
    "부엌",
    "주방",
    "포차",
    "우동",
    "샐러드",
    "나라",
    "천국",
    "마을",
    "상회",
    "손맛",
    "밥상",
    "수산",
    "곱창",
    "찜닭",
    "쌈밥",
    "백반",
    "면옥",
    "라멘",
    "파스타",
    "커피",
    "도시락",
    "죽집",
    "닭강정",
    "핫도그",
    "빙수",
    "브런치",
    "레스토랑",
    "뷔페",
    "샌드위치",
    "삼겹살",
    "부대찌개",
    "순두부",
    "짜장",
    "찐빵",
    "호떡",
    "꼬치",
    "스테이크",
)
_DISH_ENDINGS = ("카레", "덮밥", "빵집", "라면", "순대", "어묵", "튀김", "쌀국수", "찌개", "샤브샤브", "소바", "와플", "케이크", "컵밥", "한식", "횟집", "밥집")  # fmt: skip
"""A name may end so, as may a dish (소고기카레): it needs a question that can only be asked of a shop."""

_COMPOUND = re.compile(
    rf"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9]{{1,12}}(?:{'|'.join((*_ENDINGS, *_DISH_ENDINGS))})(?:\s?[가-힣]{{2,6}}점(?!\s?(?:이|은|에)?\s?(?:어때|높|좋)))?)(?=(?:이라는|라는|에서|에|은|는|이|가|도|의|으로|로|요|점)?(?:\s|$|[?!.,]))"
)
_STRONG = re.compile(
    rf"{_JOSA}\s?(?:지금\s|오늘\s|내일\s|혹시\s|주말에\s|가게\s|요즘\s|이번\s?주\s?|다음\s?주\s?|[월화수목금토일]요일에?도?\s|주말에?도?\s)*(?:몇\s?시|몇\s?층|찾아가|무슨\s?역|어느\s?역|화장실|와이파이|(?:제일|젤|가장)\s?잘\s?나가|영업|운영|전화|전번|번호|위치|주소|문\s?(?:열|닫|언제)|브레이크|라스트|휴무|쉬나|쉬는|쉬어|쉼|뭐가\s?(?:젤|제일|가장)|뭐\s?뭐|노는\s?날|하나\?|해\?|하나요|예약|값|언제\s?(?:쉬|열|닫|여|해|까지|오픈)|오픈|마감|메뉴|대표\s?메뉴|인기\s?메뉴|세트|가는\s?길|어떻게\s?가|별점|평점|리뷰|후기|급식\s?카드|급카|꿈나무|아동\s?급식|배달\s?(?:돼|되|해)|포장\s?(?:돼|되)|예약|주차|뭐\s?(?:팔|파|맛있)|뭐뭐\s?(?:팔|있|파)|뭐가\s?(?:맛|제일|유명|인기)|자리\s?(?:많|있)|몇\s?명까지|이사|어딨|어디\s?(?:있|야|에요|예요|쪽|임)|어디에\s?있|착한가게(?:야|예요|임|인가|맞)|일요일에도|주말에도|아직\s?(?:있|해\?|하나|열)|어떻게\s?가|웨이팅|별로야\?|어떤\s?(?:가게|곳|데)|어때\?|가\s?볼\s?만)"
)
_PRICE_OF_A_DISH = re.compile(
    r"(?:도|은|는|이|가)?\s?(?:얼마|가격|몇\s?원|있어\?|있나|있냐|있니|있을까|하냐|파냐|있음|팔아|파나|돼\?|되나)"
)
_SUBJECT = re.compile(r"^(?:(?:음|아|저기|혹시|근데|그럼)\s)?(?P<name>[가-힣A-Za-z0-9]{2,10})")
_CALLED = re.compile(
    rf"{_JOSA}\s?(?:전화|전번|몇\s?[시층]|영업시간|메뉴|가는\s?길|찾아가|어디\s?(?:예|야|에\s?있)|주소|휴무|(?:주말|일요일|평일)에?도?\s?(?:열|해|하|쉬)|쉬는|화장실|브레이크|급식\s?카드|급카)"
)
_NO_SUBJECT = re.compile(
    r"^(?:오늘|지금|내일|거기|여기|저기|이거|그거|이건|그건|급식|급카|꿈나무|아동|카드|근처|주변|동네|학교|학원|집|우리|저희|내|제|나|너|넌|아직|이제|벌써|다시|중에|아까|방금|처음|가격|메뉴|가게|식당|음식|밥|추천|혹시|그럼|그러면|엄마|아빠|친구|동생|형|누나|할머니|가족|혼자|점심|저녁|아침|야식|간식|새벽|밤|낮|주말|일요일|토요일|평일|첫|두|세|네|마지막|맨|제일|가장|젤|더|덜|안|못|좀|또|다른|딴|새로운|맛있|매운|싼|비싼|가까|먼|조용|분위기|착한|선한|인기|유명|별점|평점|리뷰|배달|포장|예약|주차|전화|번호|위치|주소|영업|시간|몇|언제|어디|뭐|무슨|어떤|왜|누가|얼마|하루|요즘|이번|다음|저번|어제|그|이|저|둘|셋|넷|천원|만원|\d|버스|지하철|병원|약국|은행|경찰|영화|게임|노래|유튜브|선생|숙제|시험|수학|영어|날씨|이름|사람|강아지|고양이|나비얌|사장|직원|정보|추천해|알려|보여|찾아|배고|출출|심심|급해|한도|잔액|쿠폰|할인|이벤트|용돈|현금|돈|건강|채식|비건|다이어트|알레르기|땅콩|우유|계란|새우|생일|기념일|데이트|소풍|현장|롯데월드|에버랜드|축구|야구|농구|대통령|편의점|마트|문방구|피시방|피씨방|노래방|도서관|체육관)"
)
"""Beginnings of words that name no shop. A shop that begins so is found by its name in the catalogue."""

_NO_NAME_BEFORE = re.compile(r"그럼|그러면|근데|혹시|아니|저기|음|아|내|나|저|우리|지금|오늘|여기|거기|아직|이|그|안|못|더|또|다시|어디|뭐|[가-힣]+(?:에서|에|은|는|이랑|랑|으로)")  # fmt: skip
_MODIFIERS = re.compile(
    r"^(?:맛있는|매운|안매운|싼|가까운|근처|학교앞|집앞|제일|그|이|저|우리|동네|저렴한|유명한|인기|무슨|어떤|다른|더|맛|좋은|괜찮은|따뜻한|뜨거운|시원한|착한|큰|작은|새로운|열린|[가-힣]{1,6}(?:는|한|운|은|던|된|되는|있는|없는))$"
)


_ENDS_IN_JOSA = re.compile(rf"{_JOSA}$")
_FOODS = re.compile(
    "|".join(sorted(map(re.escape, {w for w in DISHES if len(w) > 1} | set(CATEGORY_WORDS)), key=lambda w: (-len(w), w)))
)  # fmt: skip

_ONLY_FOOD = re.compile(rf"(?:{_FOODS.pattern})+(?:집|가게|점|전문점|맛집)?")


class ShopFinder:
    """Looks shop names up at word starts, longest first, ignoring spaces and spelling variants."""

    def __init__(self, names: Collection[str]) -> None:
        self._ordinary = frozenset(map(squash, ORDINARY_NAMES | DISHES | set(CATEGORY_WORDS)))
        index: dict[str, set[str]] = defaultdict(set)
        for name in names:
            key = squash(name)
            if len(key) >= 2:
                index[key[:2]].add(key)
        self._brands = frozenset(map(squash, BRANDS))
        for key in self._brands:
            index[key[:2]].add(key)
        self._index = {k: tuple(sorted(v, key=lambda n: (-len(n), n))) for k, v in index.items()}

    def find(self, text: str, taken: Sequence[Span] = ()) -> Span | None:
        """Return the shop that a question is about, as said; None where no shop is plainly named.

        `taken` are places: what is one is no shop unless it is listed or looks like one.

        >>> finder = ShopFinder(["맛있는치킨", "황금반점", "하루"])
        >>> finder.find("황금 반점 메뉴 뭐 있어?").value, finder.find("교촌치킨 급식카드 돼?").value
        ('황금 반점', '교촌치킨')
        >>> ShopFinder(["뚝배기(뚝이)"]).find("뚝배기(뚝이) 몇 시까지 해?").value
        '뚝배기(뚝이)'
        >>> finder.find("하루 종일 굶었어"), finder.find("매운 치킨 어디 있어?")
        (None, None)
        """
        for m in _QUOTED.finditer(text):
            if squash(m[1]) in self._known(squash(m[1])[:2]) or _ABOUT_SHOP.match(text, m.end()):
                return Span(key="shop_name", value=m[1], start=m.start(1), end=m.end(1))
        return self._listed(text, taken) or self._compound(text) or self._subject(text, taken)

    def rejoined(self, text: str) -> Span | None:
        """Return a shop whose name, at the beginning, was taken apart where spaces were put in (참 맛 김밥 전화번호)."""
        words = text.split(" ")
        if _NO_NAME_BEFORE.fullmatch(words[0]):
            return None
        for count in (2, 3):
            joined = "".join(words[:count])
            rest = "".join(f" {word}" for word in words[count:])
            shop = self.find(joined + rest)
            if shop is not None and shop.start == 0 and shop.end > len("".join(words[: count - 1])):
                lost = shop.end + (count - 1)
                return replace(shop, end=min(lost, len(text)))
        return None

    def _known(self, prefix: str) -> tuple[str, ...]:
        return self._index.get(prefix, ())

    def _listed(self, text: str, taken: Sequence[Span]) -> Span | None:
        where = [i for i, c in enumerate(text) if c.isalnum()]
        bare = "".join(text[i] for i in where).lower()
        same = squash(bare)
        if len(same) != len(bare):
            same = bare
        for at, i in enumerate(where):
            if i and text[i - 1].isalnum():
                continue
            for name in self._known(same[at : at + 2]):
                if not same.startswith(name, at):
                    continue
                end = where[at + len(name) - 1] + 1
                end += len(text[end:]) - len(text[end:].lstrip(")]"))
                if not any(p.start <= i and end <= p.end for p in taken) and self._plain(
                    name, text, i, end
                ):
                    return Span(key="shop_name", value=text[i:end], start=i, end=end)
        return None

    def _plain(self, name: str, text: str, start: int, end: int) -> bool:
        """Decide whether the name is meant: how ordinary it is against how plainly a shop is asked about."""
        after = text[end:]
        if not re.match(rf"{_JOSA}(?=\s|$|[?!.,~])", after) and not _ABOUT_SHOP.match(after):
            return False
        if name in self._ordinary:
            return False
        about = _ABOUT_SHOP.match(after) is not None
        if len(name) <= 3 and name not in self._brands:
            strict = re.match(
                r"(?:은|는|이|가|에서|에|도)?\s?(?:지금\s|오늘\s)?(?:몇\s?시|영업|전화|주소|위치|메뉴|문\s?(?:열|닫)|급식\s?카드|급카)",
                after,
            )
            return strict is not None and start == 0
        if " " in text[start:end] and any(
            squash(word) in self._ordinary for word in text[start:end].split()
        ):
            return about and _MODIFIERS.match(text[start:end].split()[0]) is None
        return about or len(name) >= 5 or name in self._brands

    def _compound(self, text: str) -> Span | None:
        """Accept an unlisted name that looks like one (은하수반점) when a shop is asked about."""
        for m in _COMPOUND.finditer(text):
            name = squash(m[1])
            if name in self._ordinary or _ONLY_FOOD.fullmatch(name):
                continue
            head = next(
                (name[: -len(d)] for d in _ENDINGS if name.endswith(d)),
                name,
            )
            asked = _ABOUT_SHOP.match(text, m.end(1)) or self._dish_asked(text, m.end(1))
            if m[1].endswith(_DISH_ENDINGS) and (
                name[:-2] in self._ordinary or not _CALLED.match(text, m.end(1))
            ):
                continue
            if not asked or (_MODIFIERS.match(head) and not _CALLED.match(text, m.end(1))):
                continue
            if any(name.endswith(d) and name[: -len(d)] in self._ordinary for d in ("집", "가게")):
                continue
            return Span(key="shop_name", value=m[1], start=m.start(1), end=m.end(1))
        return None

    def _subject(self, text: str, taken: Sequence[Span]) -> Span | None:
        """Accept any other word that a message begins with, when what follows can only be asked of a shop (할매손맛 전화번호)."""
        m = _SUBJECT.match(text)
        if m is None:
            return None
        word = m["name"]
        for length in range(len(word), 1, -1):
            name, end = squash(word[:length]), m.start("name") + length
            if name in self._ordinary or _NO_SUBJECT.match(name) or _ONLY_FOOD.fullmatch(name):
                continue
            rest = text[end:]
            strong = _STRONG.match(rest) and (
                length == len(word) or _ENDS_IN_JOSA.match(word[length:])
            )
            dish = length == len(word) and self._dish_asked(text, end)
            if (
                (strong or dish)
                and is_name(word[:length])
                and not overlaps(m.start("name"), end, taken)
            ):
                return Span(key="shop_name", value=word[:length], start=m.start("name"), end=end)
        return None

    def _dish_asked(self, text: str, end: int) -> bool:
        """Tell whether a dish and a question about it follow (만리장성 짬뽕 가격, 행복반점에 탕수육 있어?)."""
        after = re.match(rf"{_JOSA}\s", text[end:])
        if after is None:
            return False
        food = _FOODS.match(text, end + after.end())
        return food is not None and _PRICE_OF_A_DISH.match(text, food.end()) is not None
