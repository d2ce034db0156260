"""Amounts of money and counts in Korean, in digits, words and child slang. Pure functions.

Refuses to say what an amount is for (limit, discount): `nlu` decides by the words around it.
"""

import re
from dataclasses import dataclass

_DIGITS = {"영": 0, "공": 0, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "륙": 6, "칠": 7, "팔": 8, "구": 9}  # fmt: skip
_UNITS = {"십": 10, "백": 100, "천": 1_000}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|[일이삼사오육륙칠팔구])"
_AMOUNT = re.compile(
    rf"(?=[\d일이삼사오육륙칠팔구만천백십])"
    rf"(?:(?P<man>[일이삼사오육륙칠팔구]?십[일이삼사오육륙칠팔구]?|{_NUMBER})?\s?(?P<u4>만)\s?)?"
    rf"(?:(?P<cheon>{_NUMBER})?\s?(?P<u3>천)\s?)?"
    rf"(?:(?P<baek>{_NUMBER})?\s?(?P<u2>백)\s?)?"
    rf"(?:(?P<sip>[1-9일이삼사오육륙칠팔구])?\s?(?P<u1>십)\s?)?"
    rf"(?P<rest>\d{{1,3}}(?:,\d{{3}})+|\d+)?"
    rf"(?P<won>\s?(?:원|won|krw|₩|냥)(?!피스|룸|래|조|어민|격|인(?!데|가|지|디)))?",
    re.IGNORECASE,
)
_SLANG = (
    (re.compile(r"처[넌눤논]|천[언넌눤]"), "천원"),
    (re.compile(r"마[넌눤논]|만[언넌눤]"), "만원"),
    (
        re.compile(r"(?<=\d)k(?![a-z]|\s?(?:마라|영상|화질|티비|모니터|달리|뛰))", re.IGNORECASE),
        "천",
    ),
    (re.compile(r"배[건권](?=$|[^가-힣])"), "백원"),
)
_AFTER_BARE = re.compile(
    r"\s*(?:$|[,.!?~)]|이하|이내|이상|미만|안[쪽에으팎]|밑|아래|정도|까지|으로|로\b|로\s|짜리|대로|대\s|쯤|가지고|밖에|뿐|넘|있|남|이면|이야|이에요|인데|선에서|내로|갖고|들고|아래로)"
)
_BEFORE_HANGUL = frozenset("한딱단총약돈겨우남은")
_PLACE_LIKE = frozenset(("이천", "사천", "구천", "오천", "삼천", "육백", "백", "천", "만", "이백", "오백", "삼백", "천백", "구만", "만천"))  # fmt: skip
_NATIVE = {
    "한": 1, "하나": 1, "두": 2, "둘": 2, "세": 3, "셋": 3, "석": 3, "네": 4, "넷": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10,
    "열한": 11, "열두": 12, "스무": 20, "스물": 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of won and where it was said."""

    won: int
    start: int
    end: int


def parse_number(text: str) -> int | None:
    """Read a whole number in digits, Sino-Korean or a mixture; None when it is none.

    >>> [parse_number(t) for t in ("만오천", "1만2천", "8,000", "5천", "삼만 이천오백", "1.5만", "십이만", "치킨")]
    [15000, 12000, 8000, 5000, 32500, 15000, 120000, None]
    """
    m = _AMOUNT.fullmatch(text.strip())
    if m is None or m["won"]:
        return int(_DIGITS[text]) if text in _DIGITS else None
    return _value(m)


def find_amounts(text: str) -> tuple[Amount, ...]:
    """Find amounts of money in a cleaned text; offsets index that text.

    >>> [a.won for a in find_amounts("오처넌 있는데 만오천원은 비싸고 8000원 이하")]
    [5000, 15000, 8000]
    >>> [find_amounts(t) for t in ("만두 먹고 싶어", "치킨만 원해", "김밥천국", "이천 맛집", "천천히", "18번 버스", "사천짜장")]
    [(), (), (), (), (), (), ()]
    """
    plain = _without_slang(text)
    found: list[Amount] = []
    at = 0
    while at < len(plain):
        m = _AMOUNT.match(plain, at)
        if m is None or m.end() == at or not _is_money(plain, m):
            at += 1
            continue
        value = _value(m)
        if value is None or not 100 <= value <= 10_000_000:
            at = max(at + 1, m.end())
            continue
        end = m.end() - (len(m.group()) - len(m.group().rstrip()))
        found.append(Amount(won=value, start=m.start(), end=end))
        at = end
    return tuple(found)


def native_count(word: str) -> int | None:
    """Read a native count (둘, 세, 다섯) or digits.

    >>> native_count("셋"), native_count("네"), native_count("12"), native_count("치킨")
    (3, 4, 12, None)
    """
    if word.isdigit():
        return int(word)
    return _NATIVE.get(word)


def _without_slang(text: str) -> str:
    """Write slang in full; the length stays, so that offsets stay."""
    for pattern, instead in _SLANG:
        text = pattern.sub(instead, text)
    return text


def _value(m: re.Match[str]) -> int | None:
    if not any(m[k] for k in ("u4", "u3", "u2", "u1", "rest")):
        return None
    total = 0.0
    if m["u4"]:
        total += (_part(m["man"]) if m["man"] else 1) * 10_000
    for name, unit, size in (("cheon", "u3", 1_000), ("baek", "u2", 100), ("sip", "u1", 10)):
        if m[unit]:
            total += (_part(m[name]) if m[name] else 1) * size
    if m["rest"]:
        total += _part(m["rest"])
    return round(total)


def _part(text: str) -> float:
    if "십" in text:
        before, after = text.split("십")
        return (_DIGITS[before] if before else 1) * 10 + (_DIGITS[after] if after else 0)
    return float(_DIGITS[text]) if text in _DIGITS else float(text.replace(",", ""))


def _is_money(text: str, m: re.Match[str]) -> bool:
    before = text[m.start() - 1] if m.start() else " "
    if "가" <= before <= "힣" and m["man"] == "이" and m.group()[1:2] == " ":
        return False  # a particle: 돈이 만원
    said = m.group().strip()
    has_digit = any(c.isdigit() for c in said)
    if before.isdigit() or (
        not has_digit and "가" <= before <= "힣" and before not in _BEFORE_HANGUL
    ):
        return False
    if m["won"]:
        spaced_verb = m["won"].startswith(" ") and re.match(r"하|해|하는", text[m.end() :])
        return not spaced_verb and any(m[k] for k in ("u4", "u3", "u2", "u1", "rest"))
    if not (m["u4"] or m["u3"] or m["rest"]):
        return False
    after = text[m.end() - (len(m.group()) - len(m.group().rstrip())) :]
    if m["u4"] or m["u3"]:
        if not has_digit and (
            said in ("만", "천") or (said in _PLACE_LIKE and not _LIMIT.match(after))
        ):
            return False
        return _AFTER_BARE.match(after) is not None or after.startswith(" ")
    rest = m["rest"].replace(",", "")
    return 4 <= len(rest) <= 6 and rest.endswith("0") and _AFTER_BARE.match(after) is not None


_LIMIT = re.compile(
    r"\s*(?:이하|이내|미만|안쪽|안으로|밑|아래|정도|까지|으로|짜리|쯤|가지고|밖에|뿐|있|남|갖고|들고)"
)
