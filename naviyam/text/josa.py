"""Korean particles by the final consonant of the word before them. Pure functions."""

import re
from collections.abc import Iterable

_PAIRS = {
    "을": "를", "이": "가", "은": "는", "과": "와", "으로": "로", "이나": "나", "이랑": "랑", "아": "야",
    "이에요": "예요", "이라": "라", "이라고": "라고", "이라서": "라서", "이고": "고", "이면": "면", "이든": "든", "이라도": "라도",
    "으로는": "로는", "으로도": "로도", "이며": "며",
}  # fmt: skip
"""After a final consonant -> after a vowel."""

_DIGIT_FINALS = {"0": "ㅇ", "1": "ㄹ", "2": "", "3": "ㅁ", "4": "", "5": "", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ", "9": ""}  # fmt: skip
_LETTER_FINALS = {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}
_BRACKETED = re.compile(r"\s*[(\[<{「『][^()\[\]<>{}「」『』]*[)\]>}」』]\s*$")
_MARKER = re.compile(
    r"(?P<a>으로|이에요|이라고|이랑|이나|을|를|이|가|은|는|과|와|아|야)\((?P<b>로|예요|라고|랑|나|을|를|이|가|은|는|과|와|아|야)\)|\((?P<c>으|이)\)(?P<d>로|라고|라|랑|나|며|면|에요)"
)
_WRONG_OBJECT = re.compile(r"([가-힣])를(?=[\s.,!?~]|$)")
_WRONG_IS = re.compile(r"([가-힣])예요(?=[\s.,!?~]|$)")


def final_consonant(word: str) -> str | None:
    """Return "" for a vowel ending, "ㄹ", another sign for any other consonant, None if unreadable.

    Digits are read in Sino-Korean, letters by their names; a closing bracket is skipped with its content.

    >>> final_consonant("치킨"), final_consonant("피자"), final_consonant("3호점 (본점)"), final_consonant("🍗")
    ('C', '', 'C', None)
    >>> final_consonant("서울"), final_consonant("KFC"), final_consonant("10"), final_consonant("7")
    ('ㄹ', '', 'C', 'ㄹ')
    """
    bare = word
    while (shorter := _BRACKETED.sub("", bare)) != bare and shorter:
        bare = shorter
    for c in reversed(bare):
        if "가" <= c <= "힣":
            tail = (ord(c) - 0xAC00) % 28
            return "" if tail == 0 else "ㄹ" if tail == 8 else "C"
        if c in _DIGIT_FINALS:
            sound = _DIGIT_FINALS[c]
            return sound if sound in ("", "ㄹ") else "C"
        if c.isascii() and c.isalpha():
            sound = _LETTER_FINALS.get(c.lower(), "")
            return sound if sound in ("", "ㄹ") else "C"
        if "ㄱ" <= c <= "ㅎ":
            return "C"
    return None


def particle(word: str, pair: str) -> str:
    """Choose from "을/를", "이/가", "은/는", "과/와", "으로/로", "이랑/랑", "이에요/예요" ... in either order.

    >>> particle("서울", "으로/로"), particle("집", "로/으로"), particle("우유", "이에요/예요")
    ('로', '으로', '예요')
    """
    first, second = _forms(pair)
    final = final_consonant(word)
    if final is None:
        return f"{first}({second})"
    if final == "" or (final == "ㄹ" and first.startswith("으로")):
        return second
    return first


def josa(word: str, pair: str) -> str:
    """Return the word with the particle that fits it.

    >>> josa("치킨", "을/를"), josa("피자", "을/를"), josa("서울", "(으)로"), josa("BBQ", "이/가")
    ('치킨을', '피자를', '서울로', 'BBQ가')
    >>> josa("9,000", "이/가"), josa("맛있는치킨(본점)", "은/는"), josa("물", "으로/로")
    ('9,000이', '맛있는치킨(본점)은', '물로')
    """
    return word + particle(word, pair)


def fix_josa(text: str, words: Iterable[str] = ()) -> str:
    """Resolve markers such as 을(를) and (으)로, correct plain mistakes, and particles right after `words`.

    Without `words` only what can be nothing but a mistake is touched (치킨를, 집예요).

    >>> fix_josa("치킨을(를) 서울(으)로, 우유이(가) 있어요")
    '치킨을 서울로, 우유가 있어요'
    >>> fix_josa("김밥를 먹어요. 맛있는 집예요!"), fix_josa("참맛김밥가 가까워요", ["참맛김밥"])
    ('김밥을 먹어요. 맛있는 집이에요!', '참맛김밥이 가까워요')
    """
    text = _MARKER.sub(lambda m: _resolve(m, text), text)
    for word in sorted({w for w in words if w}, key=len, reverse=True):
        text = re.sub(
            re.escape(word)
            + r"(?P<j>이에요|예요|으로|이랑|을|를|은|는|이|가|과|와|로|랑)(?=[\s.,!?~]|$)",
            lambda m, w=word: josa(w, "/".join(_pair_of(m.group("j")))),  # type: ignore[misc]
            text,
        )
    text = _WRONG_OBJECT.sub(lambda m: m[1] + particle(m[1], "을/를"), text)
    return _WRONG_IS.sub(lambda m: m[1] + particle(m[1], "이에요/예요"), text)


def _resolve(m: re.Match[str], text: str) -> str:
    said = m["a"] or (m["c"] + m["d"])
    before = text[: m.start()]
    return particle(before, "/".join(_pair_of(said)))


def _forms(pair: str) -> tuple[str, str]:
    """Split a pair in any of the usual notations into (after a consonant, after a vowel)."""
    if "/" in pair:
        first, second = pair.split("/", 1)
        return (second, first) if _PAIRS.get(second) == first else (first, second)
    return _pair_of(pair.replace("(", "").replace(")", ""))


def _pair_of(said: str) -> tuple[str, str]:
    for with_final, without in _PAIRS.items():
        if said in (with_final, without):
            return with_final, without
    return said, said
