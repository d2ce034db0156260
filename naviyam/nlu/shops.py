"""Finds a shop by name in a question. Pure; the names come from the given collection and known brands.

A name that is an everyday word must not fire by accident, so short and ordinary names need a
question that can only be about a shop.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from naviyam.nlu.lexicon import BRANDS, CATEGORY_WORDS, ORDINARY_NAMES
from naviyam.nlu.spans import Span, overlaps
from naviyam.text.clean import squash
from naviyam.text.dishes import DISHES

_JOSA = r"(?:이라는|라는|에서는|에서|에는|에|은|는|이|가|을|를|도|의|이랑|랑|으로|로|까지|점|네|요|만|엔|이야|야)?"
_ABOUT_SHOP = re.compile(
    rf"{_JOSA}\s?(?:지금\s|오늘\s|내일\s|거기\s|혹시\s|주말에\s|일요일에\s|가게\s)*(?:몇\s?시|언제|영업|전화|번호|어디(?!\s?(?:좋|추천|없))|위치|주소|문\s?(?:열|닫)|열었|열려|닫았|닫는|여는|메뉴|가격|얼마|급식\s?카드|급카|아동\s?급식|꿈나무|카드|쉬는|휴무|맛있|어때|어떄|어떤|리뷰|별점|평점|알려|정보|가는|가려|갈래|갈게|갈거|갈까|가고|가자|먼가|멀어|먼지|착한가게|선한|뭐\s?(?:팔|있|파|맛)|뭐가|가봤|유명|배달|포장|예약|주차|있어\?|있나|있어|해\?|하나|해요|돼|되나|되나요|됩니까)"
)
_QUOTED = re.compile(r"[\"'“‘「]([^\"'”’」]{2,20})[\"'”’」]")
_COMPOUND = re.compile(
    r"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9]{2,12}(?:치킨|통닭|피자|김밥|반점|각|식당|분식|버거|떡볶이|국수|국밥|칼국수|족발|보쌈|갈비|닭갈비|막국수|베이커리|제과|카페|다방|반찬|돈까스|돈가스|초밥|스시|회관|가든|순대국|냉면|만두|토스트|마라탕|짬뽕|설렁탕|해장국|감자탕|숯불구이|정육식당|푸드|키친|하우스|부엌|주방|포차))(?=(?:이라는|라는|에서|에|은|는|이|가|도|의|으로|로|요)?(?:\s|$|[?!.,]))"
)
_MODIFIERS = re.compile(
    r"^(?:맛있는|매운|안매운|싼|가까운|근처|학교앞|집앞|제일|그|이|저|우리|동네|저렴한|유명한|인기|무슨|어떤|다른|더|맛|좋은|괜찮은|따뜻한|뜨거운|시원한|착한|큰|작은|새로운|열린|[가-힣]{1,6}(?:는|한|운|은|던|된|되는|있는|없는))$"
)


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

        >>> finder = ShopFinder(["맛있는치킨", "황금반점", "하루"])
        >>> finder.find("황금 반점 메뉴 뭐 있어?").value, finder.find("교촌치킨 급식카드 돼?").value
        ('황금 반점', '교촌치킨')
        >>> finder.find("하루 종일 굶었어"), finder.find("매운 치킨 어디 있어?")
        (None, None)
        """
        for m in _QUOTED.finditer(text):
            if squash(m[1]) in self._known(squash(m[1])[:2]) or _ABOUT_SHOP.match(text, m.end()):
                return Span(key="shop_name", value=m[1], start=m.start(1), end=m.end(1))
        return self._listed(text, taken) or self._compound(text, taken)

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
                if not overlaps(i, end, taken) and self._plain(name, text, i, end):
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

    def _compound(self, text: str, taken: Sequence[Span]) -> Span | None:
        """Accept an unlisted name that looks like one (은하수반점) when a shop is asked about."""
        for m in _COMPOUND.finditer(text):
            name = squash(m[1])
            if name in self._ordinary or overlaps(m.start(1), m.end(1), taken):
                continue
            head = next(
                (
                    name[: -len(d)]
                    for d in ("치킨", "피자", "분식", "카페", "식당")
                    if name.endswith(d)
                ),
                name,
            )
            if _MODIFIERS.match(head) or not _ABOUT_SHOP.match(text, m.end(1)):
                continue
            if any(name.endswith(d) and name[: -len(d)] in self._ordinary for d in ("집", "가게")):
                continue
            return Span(key="shop_name", value=m[1], start=m.start(1), end=m.end(1))
        return None
