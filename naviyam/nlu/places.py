"""Finds where: names from a given collection, and the relative places of spec 7. Pure.

Refuses to resolve a name to coordinates (`catalog.gazetteer` does).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from naviyam.nlu.lexicon import CATEGORY_WORDS, KNOWN_PLACES
from naviyam.nlu.spans import Span, overlaps
from naviyam.text.dishes import DISHES
from naviyam.text.morphemes import is_name
from naviyam.text.spelling import unify

_WORD = re.compile(r"[0-9A-Za-z가-힣]+")
_TAIL = re.compile(
    r"(?:(?P<near>근처|주변|쪽|앞|인근|부근|근방|가까이|사거리|시내|역)(?:에서|에는|에|으로|로|의|은|는|도|이|인데|까지)?|(?P<at>에서|에는|에|으로|로|까지|인데|이야|이에요|야|사는데|의|은|는|도|엔|에선|이요|요)|)(?:도|는|만)?$"
)
_NEXT_NEAR = re.compile(
    r"\s(?:맛집|밥집|식당|가게|음식점|착한가게|근처|주변|쪽|앞|인근|부근|근방|가까이|안에|살아|살고|사는|사거리|시내|역\s)"
)
_RELATIVE = (
    ("near_school", re.compile(r"(?:우리\s?)?(?:초등|중|고등?)?학교\s?(?:바로\s?)?(?:앞|근처|주변|옆|뒤|쪽|가까이|가까운|근방)|학교(?:에서|서)?\s?(?:제일\s?|젤\s?)?(?:가까운|걸어)|교문\s?앞|학교\s?코앞|등하굣길|학교\s?(?:정문|후문|뒷문)(?:\s?(?:앞|쪽|근처))?")),
    ("near_home", re.compile(r"(?:우리\s?|울)?집\s?(?:바로\s?)?(?:앞|근처|주변|옆|뒤|쪽|가까이|근방)(?!\s?마라)|집에서\s?(?:제일\s?)?(?:가까운|걸어)|아파트\s?(?:앞|근처|단지)|집이랑\s?가까운|집(?:에서)?\s?가까운\s?(?:데|곳)|(?<![가-힣])집\s가까운|집\s?코앞|집에서\s?\d+\s?분")),
    ("near_me", re.compile(r"(?:여기|이|요|지금|내|제|나|우리|걸어서\s?갈)?\s?(?:근처|주변|근방|부근)(?:에서|에|의|엔|은)?|(?:여기|이|우리)\s?(?:동네|쪽|부근)(?:에서|에)?|동네에|여기서|내\s?(?:위치|주위)|주위에|(?<![가-힣]\s)코앞에|(?<![가-힣])(?:요|이)\s?앞(?:에서|에)|걸어(?:서\s?)?갈\s?(?:수|만)|(?<![가-힣]\s)(?<![가-힣])가까이(?:에|서|\s?있)|걸어서\s?\d+\s?분|도보\s?\d*|\d+\s?분\s?(?:거리|안)")),
)  # fmt: skip
_PART_OF_TOWN = re.compile(r"\s([가-힣]{1,4}(?:구|군|동|읍|면))(?=에서|에|사는|쪽|\s|$)")
_NOT_HERE = re.compile(r"\s?(?:은|는)?\s?(?:말고|말구|빼고|아니고|아니라|싫)")
_LOOKS_LIKE_STATION = re.compile(
    r"(?<![가-힣])([가-힣]{2,7}역)(?=(?:에서|에|쪽|근처|앞|주변|으로)?(?:\s|$|[?!.,]))"
)
_LOOKS_LIKE_LANDMARK = re.compile(
    r"(?<![가-힣])([가-힣]{2,7}(?:구청|시청|군청|주민센터|대학교|대학|여대|공원|시장|터미널|사거리|도서관|체육관|롯데월드|백화점))(?=(?:에서|에)?\s?(?:앞|근처|쪽|주변|옆|부근|안에|에서|인데))|(?<![가-힣])([가-힣]{2,5}시장)(?=\s[가-힣])|(?<![가-힣])([가-힣]{2,4}대)(?=\s?(?:근처|앞|정문|후문|주변|쪽))|(?<![가-힣])([가-힣]{1,4}(?<!으)(?<!바)(?<!따)(?<!새)(?<!별)(?<!서)(?<!대)(?<!걸)(?<!데)(?<!거)(?<!쪽)로)(?=\s(?:쪽|근처|주변|맛집)|에서\s)|(?<![가-힣])([가-힣]{2,6}(?:초|중|고)(?:등학교|학교)?)(?=\s(?:앞|근처|옆|주변))"
)
_NOT_LANDMARKS = frozenset(("우리학교", "저희학교", "동네시장", "우리시장", "재래시장", "전통시장", "근처시장", "침대", "상대", "기대", "초등학교", "고등학교", "중학교", "그중", "이중", "나중", "도중", "최고", "먹고", "놀고", "방금중"))  # fmt: skip
_LOOKS_LIKE_DONG = re.compile(
    r"(?<![가-힣])([가-힣]{1,4}\d?동)(?=(?:에서|에|쪽|근처|주변)(?:\s|$|[?!.,])|\s(?:근처|쪽|맛집|주변))"
)
_LONG_DONG = re.compile(
    r"(?<![가-힣])([가-힣]{2,3}\d?동)(?=이(?:야|에요|요|라|고)|인데|예요|사는|살아|\s[가-힣]|$)"
)
"""Three letters and more are a name wherever they stand (성수동 카페); of two, many are words."""

_WORDS_IN_DONG = re.compile(r"(?:활동|운동|행동|감동|노동|충동|진동|작동|출동|변동|우동|규동|텐동|아동|연어동|장어동|참치동|사케동|가츠동|부타동|야코동|이센동)$")  # fmt: skip
_BEFORE_NEAR = re.compile(
    r"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9]{2,8})\s?(?:근처|주변|부근|인근|근방)(?:에서|에는|에|엔|으로|로|의)?(?=\s|$|[?!.,ㄱ-ㅎ])"
)
"""Whatever is named before 근처 is a place, known or not (서울숲 근처)."""

_NO_PLACE = re.compile(
    r"(?:학교|학원|집|아파트|여기|거기|저기|지금|우리|내|제|나|저|이|그|요|바로|제일|젤|가장|현재|위치|동네|역|회사|가게|식당|맛집|음식|카드|급카|친구|엄마|아빠|동생|추천|메뉴|혹시|오늘|점심|저녁|아침|야식|간식|시간|가까운|주위|주변|근처|나비얌|싼|열린)$"
)
_NEXT_IN_TOWN = re.compile(
    r"\s([가-힣]{2,4}\d?(?:동|읍)|[가-힣]{1,3}(?<!친)(?<!식)(?<!축)(?<!야)(?<!농)(?<!도)구)(?=에서|에|으로|쪽|이야|인데|\s|$)"
)
_NEXT_NAMED = re.compile(r"\s([가-힣]{2,5})(?=에서(?:\s|$)|\s?(?:근처|쪽|주변))")
"""Whatever follows a town's name and is a place by its particle (성남 모란에서)."""

_NOT_STATIONS = frozenset(
    (
        "지하철역",
        "전철역",
        "기차역",
        "버스역",
        "가까운역",
        "지역",
        "구역",
        "통역",
        "영역",
        "무역",
        "광역",
        "배역",
        "현역",
        "단역",
        "면역",
        "우리지역",
    )
)
_NOT_DONGS = frozenset(
    ("운동", "활동", "행동", "이동", "감동", "노동", "자동", "우동", "규동", "텐동", "가츠동", "사케동", "부타동", "오야코동", "카이센동", "아동", "공동", "변동", "소동", "출동", "작동", "진동", "충동", "연동", "수동")
)  # fmt: skip
_NEEDS_LOCATIVE = frozenset(
    ("이천", "사천", "오산", "공주", "구리", "수영", "연수", "장수", "고성", "영광", "인제", "고양", "의성", "사상", "진도", "동해", "보성", "대구", "상주", "화성", "무안", "구미", "완도", "안성", "금정", "유성", "남구", "북구", "중구", "동구", "서구", "이동", "수동", "중동", "사동", "우동", "전동", "가리", "소리", "마산", "가정동", "신사", "사당", "시청", "대학", "교대", "회현", "강남구청", "광주", "양산", "부안", "문경", "구로", "정읍", "강화", "화정", "학교", "병원", "공원", "시장", "터미널", "예산", "음성", "고령", "거창", "부여", "장흥", "수정", "기장", "장안", "동작", "중원", "단원", "상록")
)  # fmt: skip
_SHORT_ADMIN = ("특별자치시", "특별자치도", "특별시", "광역시", "시", "군", "구")
_SKIP = frozenset(("우리", "나", "집", "학교", "학원", "근처", "주변", "여기", "동네", "친구", "점심", "저녁", "아침", "급식", "카드", "거기", "이리", "저리", "거리", "자리", "요리", "오리", "다리", "머리", "메뉴", "추천", "음식", "식당"))  # fmt: skip


class PlaceFinder:
    """Looks names up word by word, longest first, with particles taken off."""

    def __init__(self, names: Collection[str]) -> None:
        food = DISHES | set(CATEGORY_WORDS)
        self._names: set[str] = set()
        for name in set(names):
            if len(name) < 2:
                continue
            self._names.add(name)
            for suffix in _SHORT_ADMIN:
                short = name.removesuffix(suffix)
                if short != name and len(short) >= 2 and " " not in name:
                    self._names.add(short)
                    break
        for word in (*food, *_SKIP):
            self._names.discard(word)
        self._names.update(KNOWN_PLACES)
        self._longest = max(map(len, self._names), default=0)

    def find(self, text: str) -> tuple[Span, ...]:
        """Return the places as they were typed, word by word; `narrowest` joins a chain (춘천 효자동).

        >>> finder = PlaceFinder(["관악구", "신림역", "효자동", "춘천시"])
        >>> [finder.find(t)[0].value for t in ("효자동에 치킨집", "신림역 근처 분식", "춘천 맛집", "학교 앞 떡볶이", "근처 피자")]
        ['효자동', '신림역', '춘천', 'near_school', 'near_me']
        """
        named = self._named(text)
        found = list(named)
        for value, pattern in _RELATIVE:
            for m in pattern.finditer(text):
                start = m.start() + len(m.group()) - len(m.group().lstrip())
                if value == "near_me" and any(0 <= start - s.end <= 2 for s in named):
                    continue
                if not overlaps(start, m.end(), found):
                    negated = _NOT_HERE.match(text, m.end()) is not None
                    found.append(
                        Span(key="location", value=value, start=start, end=m.end(), negated=negated)
                    )
        return tuple(sorted(found, key=lambda s: s.start))

    def _named(self, text: str) -> list[Span]:
        found: list[Span] = []
        for m in _WORD.finditer(text):
            hit = self._prefix(m.group(), text[m.end() :])
            if hit:
                end = m.start() + hit[0]
                negated = _NOT_HERE.match(text, end) is not None
                found.append(
                    Span(key="location", value=hit[1], start=m.start(), end=end, negated=negated)
                )
        for pattern, ordinary in (
            (_LOOKS_LIKE_STATION, _NOT_STATIONS),
            (_LOOKS_LIKE_DONG, _NOT_DONGS),
            (_LOOKS_LIKE_LANDMARK, _NOT_LANDMARKS),
            (_LONG_DONG, _NOT_DONGS),
            (_BEFORE_NEAR, _NOT_LANDMARKS),
        ):
            for m in pattern.finditer(text):
                name = m[m.lastindex or 0]
                start = m.start(m.lastindex or 0)
                if (
                    name in ordinary
                    or overlaps(start, start + len(name), found)
                    or self._ordinary(name, pattern)
                ):
                    continue
                negated = _NOT_HERE.match(text, start + len(name)) is not None
                found.append(Span(key="location", value=name, start=start, end=start + len(name), negated=negated))  # fmt: skip
        return sorted([*found, *_within(text, found)], key=lambda s: s.start)

    def _ordinary(self, name: str, pattern: re.Pattern[str]) -> bool:
        """Tell whether what looks like a place by its ending, or by the word after it, is none."""
        if pattern is _LONG_DONG:
            return _WORDS_IN_DONG.search(name) is not None or unify(name) in DISHES
        if pattern is _BEFORE_NEAR:
            return (
                _NO_PLACE.search(name) is not None
                or _FOOD.search(name) is not None
                or not is_name(name)
            )
        return False

    def _prefix(self, word: str, after: str) -> tuple[int, str] | None:
        for length in range(min(len(word), self._longest), 1, -1):
            name = word[:length]
            if name not in self._names:
                continue
            tail = _TAIL.fullmatch(word[length:])
            if tail is None:
                continue
            locative = bool(word[length:]) and bool(tail["near"] or tail["at"])
            if name in _NEEDS_LOCATIVE:
                strong = bool(tail["near"]) or tail["at"] in ("에서", "에", "에는", "엔")
                if not (strong or _NEXT_NEAR.match(after) or self._goes_on(after)):
                    continue
            elif length == 2 and not (locative or after.strip() or word == name):
                continue
            end = length + 1 if tail["near"] == "역" else length
            return end, word[:end]
        return None

    def _goes_on(self, after: str) -> bool:
        """Tell whether the next word is a part of a town (대구 수성구)."""
        m = _PART_OF_TOWN.match(after)
        return m is not None and m[1] in self._names


def _within(text: str, found: Sequence[Span]) -> list[Span]:
    """Return the parts of a town that follow its name (울산 삼산동), known or not."""
    parts = []
    for span in found:
        m = _NEXT_IN_TOWN.match(text, span.end) or _NEXT_NAMED.match(text, span.end)
        if (
            m
            and m.re is _NEXT_NAMED
            and (_NO_PLACE.search(m[1]) or _FOOD.search(m[1]) or not is_name(m[1]))
        ):
            continue
        if (
            m
            and m[1] not in _NOT_DONGS
            and not _WORDS_IN_DONG.search(m[1])
            and not overlaps(m.start(1), m.end(1), found)
        ):
            parts.append(Span(key="location", value=m[1], start=m.start(1), end=m.end(1), negated=span.negated))  # fmt: skip
    return parts


_FOOD = re.compile(
    "|".join(sorted(map(re.escape, {d for d in DISHES if len(d) > 1} | set(CATEGORY_WORDS))))
)


def narrowest(spans: tuple[Span, ...]) -> Span | None:
    """Choose the place that counts: a named one before a relative one, the words of a chain as one name (춘천 효자동)."""
    wanted = [s for s in spans if not s.negated]
    named = [s for s in wanted if not str(s.value).startswith("near_")]
    if named:
        chain = named[0]
        for span in named[1:]:
            if span.start - chain.end > 1:
                break
            chain = replace(chain, value=f"{chain.value} {span.value}", end=span.end)
        return chain
    order = {"near_school": 0, "near_home": 1, "near_me": 2}
    return min(wanted, key=lambda s: order[str(s.value)], default=None)
