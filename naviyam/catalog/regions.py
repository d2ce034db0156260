"""Names of Korea's regions in one spelling, and what an address says of them. Pure text, no coordinates."""

import re
from dataclasses import dataclass

SIDO_SHORT = {
    "서울특별시": "서울",
    "부산광역시": "부산",
    "대구광역시": "대구",
    "인천광역시": "인천",
    "광주광역시": "광주",
    "대전광역시": "대전",
    "울산광역시": "울산",
    "세종특별자치시": "세종",
    "경기도": "경기",
    "강원특별자치도": "강원",
    "충청북도": "충북",
    "충청남도": "충남",
    "전북특별자치도": "전북",
    "전라남도": "전남",
    "경상북도": "경북",
    "경상남도": "경남",
    "제주특별자치도": "제주",
}
_OLD = {
    "강원도": "강원특별자치도",
    "전라북도": "전북특별자치도",
    "제주도": "제주특별자치도",
    "서울시": "서울특별시",
}
_FULL = (
    {short: full for full, short in SIDO_SHORT.items()} | {full: full for full in SIDO_SHORT} | _OLD
)
_CITY_WITH_GU = re.compile(r"^(\S+?시)\s*(\S+구)$")
_DONG = re.compile(r"[(（]\s*([가-힣]+\d?(?:동|가|읍|면|리))\s*(?:[\d,，\s)）]|$)")
_PLAIN_DONG = re.compile(
    r"^(?:\S+[시군구]\s+)*([가-힣]{1,4}(?:읍|면)|[가-힣]{1,5}\d{0,2}동|[가-힣]{1,4}로?\d가)(?=[\s\d,(]|$)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """시도, 시군구 and 읍면동 of an address; "" where it does not say."""

    sido: str = ""
    sigungu: str = ""
    dong: str = ""


def normalise_sido(name: str) -> str:
    """Return today's full name of a 시도; what is not known comes back as it is.

    >>> normalise_sido("강원도"), normalise_sido("전라북도"), normalise_sido("서울")
    ('강원특별자치도', '전북특별자치도', '서울특별시')
    """
    return _FULL.get(name.strip(), name.strip())


def short_sido(name: str) -> str:
    """Return the everyday name: 서울, 강원, 전북."""
    return SIDO_SHORT.get(normalise_sido(name), name)


def normalise_sigungu(name: str) -> str:
    """Return a 시군구 with a space between city and 구.

    >>> normalise_sigungu("천안시동남구"), normalise_sigungu("관악구"), normalise_sigungu(" 춘천시 ")
    ('천안시 동남구', '관악구', '춘천시')
    """
    return _CITY_WITH_GU.sub(r"\1 \2", name.strip())


def dong_of(address: str) -> str:
    """Return the 읍면동 of an address, from its brackets first; numbered 행정동 lose the number.

    >>> dong_of("강원특별자치도 춘천시 춘천로68번길 8 1층(효자동)"), dong_of("춘천시 효자3동 632-8")
    ('효자동', '효자동')
    >>> dong_of("변산면 변산로 1938"), dong_of("서울 광진구 뚝섬로58길 11 （자양동 2층）"), dong_of("범일로 3")
    ('변산면', '자양동', '')
    """
    found = _DONG.search(address) or _PLAIN_DONG.search(address.strip())
    if found is None:
        return ""
    dong = found[1]
    return re.sub(r"제?\d+동$", "동", dong) if dong.endswith("동") else dong


def split_address(address: str, *, sido: str = "", sigungu: str = "") -> Region:
    """Return the region of an address; the given names win over what the text says.

    >>> split_address("강원특별자치도춘천시 새롬공원길 22-1, 1층 (석사동)")
    Region(sido='강원특별자치도', sigungu='춘천시', dong='석사동')
    >>> split_address("서울 은평구 불광로 3")
    Region(sido='서울특별시', sigungu='은평구', dong='')
    """
    rest = address.strip()
    for name in sorted(_FULL, key=len, reverse=True):
        if rest.startswith(name) and (len(name) > 2 or rest[len(name) :][:1] == " "):
            sido, rest = sido or name, rest[len(name) :].strip()
            break
    found = re.match(r"([가-힣]{1,4}시\s[가-힣]{1,5}구|[가-힣]{1,5}[시군구])(?=\s|$)", rest)
    if found is not None:
        sigungu, rest = sigungu or found[1], rest[found.end() :]
    return Region(sido=normalise_sido(sido), sigungu=normalise_sigungu(sigungu), dong=dong_of(rest))


def full_address(address: str, region: Region) -> str:
    """Return the address with 시도 and 시군구 in front once, however the list wrote it.

    >>> full_address("강원특별자치도춘천시 새롬공원길 22-1", Region(sido="강원특별자치도", sigungu="춘천시"))
    '강원특별자치도 춘천시 새롬공원길 22-1'
    >>> full_address("퇴계로 97", Region(sido="강원특별자치도", sigungu="춘천시"))
    '강원특별자치도 춘천시 퇴계로 97'
    """
    rest = re.sub(r"\s+", " ", address.replace("（", "(").replace("）", ")")).strip()
    spellings = sorted(
        (n for n, full in _FULL.items() if full == region.sido), key=len, reverse=True
    )
    for names in (spellings, [region.sigungu, region.sigungu.replace(" ", "")]):
        for name in names:
            if name and rest.startswith(name) and (len(name) > 2 or rest[len(name) :][:1] == " "):
                rest = rest[len(name) :].strip()
                break
    return " ".join(part for part in (region.sido, region.sigungu, rest) if part)
