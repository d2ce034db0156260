"""Morphemes by kiwipiepy: keywords for people, tokens for lexical search.

One analyser, made at the first call (about half a second and 150 MB), one thread. Refuses to know
what a word means: that is `nlu`.
"""

import re
import threading
from functools import lru_cache

from kiwipiepy import Kiwi

from naviyam.text.clean import Cleaned, normalise
from naviyam.text.spelling import unify

_USER_NOUNS = (
    "급식카드", "아동급식카드", "꿈나무카드", "착한가게", "선한영향력", "선한영향력가게", "치킨집", "피자집", "분식집", "고깃집", "고기집",
    "국밥집", "김밥집", "떡볶이집", "중국집", "빵집", "밥집", "국수집", "백반집", "햄버거집", "돈까스집", "돈까스", "마라탕", "닭강정", "로제떡볶이",
    "컵밥", "치밥", "혼밥", "찜닭", "부대찌개", "제육볶음", "순대국", "뼈해장국", "프라이드치킨", "양념치킨", "감자튀김", "참치마요",
    "치킨마요", "꿔바로우", "우삼겹", "규동", "텐동", "가츠동", "짬짜면", "쌀국수", "마라샹궈", "탕후루", "빙수", "와플", "공차", "핫도그",
)  # fmt: skip
_SPLIT = ("집", "가게", "카드")
"""Endings of compounds whose first part is searched as well (치킨집 -> 치킨)."""

_CONTENT = frozenset(("NNG", "NNP", "NNB", "SL", "SN", "XR", "VV", "VA", "MAG", "SH"))
_NAMING = frozenset(("NNG", "NNP", "XSN", "XPN", "SL", "SN", "SH", "NR", "MM", "XR", "JKG", "UN"))
_KEYWORD = frozenset(("NNG", "NNP", "SL", "XR"))
_DULL = frozenset(
    (
        "것",
        "거",
        "곳",
        "데",
        "수",
        "때",
        "좀",
        "나",
        "저",
        "우리",
        "하",
        "있",
        "되",
        "주",
        "이",
        "그",
        "뭐",
        "안",
    )
)
_RUN = re.compile(r"[가-힣]+(?:\d+[가-힣]+)*")
_LONG_RUN = 7
_LONG_MESSAGE = 6
"""Syllables without a space from which a message is taken apart: one word of several, and one that is all."""

_APART = re.compile(
    r"(?<=[가-힣]) (?=(?:역|구청|시청|군청|대|동|구)(?: (?:근처|쪽|앞|주변|가까이|옆)|에서|에 |앞|쪽))"
)
"""Spaces that the analyser puts inside names of places it does not know."""

_KIWI_LOCK = threading.Lock()


@lru_cache(maxsize=1)
def _kiwi() -> Kiwi:
    kiwi = Kiwi(num_workers=1, load_typo_dict=False, load_multi_dict=False)
    for noun in _USER_NOUNS:
        kiwi.add_user_word(noun, "NNG", 3.0)
    return kiwi


def warm_up() -> None:
    """Load the analyser now rather than in the first request."""
    with _KIWI_LOCK:
        _kiwi().tokenize("밥")


@lru_cache(maxsize=4096)
def _analysed(text: str) -> tuple[tuple[str, str], ...]:
    with _KIWI_LOCK:
        return tuple((t.form, str(t.tag).partition("-")[0]) for t in _kiwi().tokenize(text))


def cache_lookups() -> dict[str, int]:
    """Return how often the caches of this module knew a text (`hit`) and how often not (`miss`)."""
    found = (_analysed.cache_info(), _spaced.cache_info())
    return {"hit": sum(i.hits for i in found), "miss": sum(i.misses for i in found)}


def _analyse(text: str) -> tuple[tuple[str, str], ...]:
    return _analysed(unify(normalise(text).text))


def keywords(text: str) -> tuple[str, ...]:
    """Return the nouns that carry a message, in order, each once.

    >>> keywords("급식카드 되는 치킨집 추천해줘")
    ('급식카드', '치킨집', '추천')
    """
    found: dict[str, None] = {}
    for form, tag in _analyse(text):
        if tag in _KEYWORD and form not in _DULL and (len(form) > 1 or tag == "NNG"):
            found.setdefault(form)
    return tuple(found)


def tokens(text: str) -> tuple[str, ...]:
    """Return content morphemes for BM25, lower case, compounds also by their first part.

    >>> tokens("관악구 치킨집 추천해줘")
    ('관악구', '치킨집', '치킨', '추천')
    """
    out: list[str] = []
    for form, tag in _analyse(text.lower()):
        if tag not in _CONTENT or form in _DULL:
            continue
        out.append(form)
        for ending in _SPLIT:
            if form.endswith(ending) and len(form) > len(ending) + 1:
                out.append(form.removesuffix(ending))
    return tuple(out)


def is_name(word: str) -> bool:
    """Tell whether a word may be a name: nothing but nouns, prefixes and suffixes of nouns, or what nobody knows.

    >>> is_name("할매손맛"), is_name("아직"), is_name("배고픈")
    (True, False, False)
    """
    return all(tag in _NAMING for _, tag in _analyse(word))


def respaced(cleaned: Cleaned) -> Cleaned:
    """Return the text with the spaces that a child left out, where a run of letters is too long for one word.

    Offsets still lead to the original; a space that was put in stands for nothing there.

    >>> respaced(normalise("내동생이계란못먹는데빵집추천해줘")).text
    '내 동생이 계란 못 먹는데 빵집 추천해 줘'
    >>> respaced(normalise("떡볶이 먹고싶어")).text
    '떡볶이 먹고싶어'
    """
    longest = max(map(len, _RUN.findall(cleaned.text)), default=0)
    if longest < (_LONG_RUN if " " in cleaned.text else _LONG_MESSAGE):
        return cleaned
    spaced = _spaced(cleaned.text)
    chars: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for c in spaced:
        if at < len(cleaned.text) and c == cleaned.text[at]:
            chars.append(c)
            spans.append(cleaned.spans[at])
            at += 1
        elif c == " ":
            chars.append(c)
            here = cleaned.spans[at][0] if at < len(cleaned.text) else len(cleaned.original)
            spans.append((here, here))
        else:
            return cleaned
    if at != len(cleaned.text):
        return cleaned
    return Cleaned(text="".join(chars), original=cleaned.original, spans=tuple(spans))


@lru_cache(maxsize=4096)
def _spaced(text: str) -> str:
    with _KIWI_LOCK:
        return _APART.sub("", str(_kiwi().space(text)))
