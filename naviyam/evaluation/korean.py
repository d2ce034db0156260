"""How a Korean answer reads: particles, level of politeness, share of Korean, length, repetition. Pure.

Judged from the finished text and the names in it. Shares nothing with `text.josa` and `text.easy`: a final consonant is
read here from Unicode's own decomposition, numbers and letters from a table of how they are said.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

_EMOJI = re.compile(r"[\U0001F1E6-\U0001F1FF\U0001F300-\U0001FAFF\u2600-\u27BF\ufe0f\u200d]")
_ITEM = re.compile(r"^\s*\d\.\s+", re.MULTILINE)
_NAME = "\x02"
_QUOTED = re.compile(r'"[^"]*"')
_END = re.compile(r"[.!?~\n]+(?!\d)")
_POLITE = re.compile(r"(?:요|죠)$")
_SAID_AS = {"0": "영", "1": "일", "2": "이", "3": "삼", "4": "사", "5": "오", "6": "육", "7": "칠", "8": "팔", "9": "구"}  # fmt: skip
_SAID_AS |= dict(
    zip("abcdefghijklmnopqrstuvwxyz",
        ["에이", "비", "씨", "디", "이", "에프", "지", "에이치", "아이", "제이", "케이", "엘", "엠", "엔", "오", "피", "큐", "알", "에스", "티", "유", "브이", "더블유", "엑스", "와이", "제트"], strict=True)
)  # fmt: skip
_AFTER_FINAL = ("이에요", "이라", "이고", "이랑", "은", "을", "과")
_EITHER = re.compile(
    r"(이에요|예요|이라(?=[\s,])|이고(?=[\s,])|이랑(?=\s)|랑(?=\s)|고(?=[\s,])|으로(?=\s)|로(?=\s)|은(?=\s)|는(?=\s)|을(?=\s)|를(?=\s)|이(?=\s)|가(?=\s)|과(?=\s)|와(?=\s))"
)
_OBJECT_AFTER_FINAL = re.compile(r"([가-힣])를(?=[\s.,!?]|$)")
_IS_AFTER_FINAL = re.compile(r"([가-힣])예요(?=[\s.,!?]|$)")
_IS_AFTER_VOWEL = re.compile(r"([가-힣])이에요(?=[\s.,!?]|$)")


def ends_in(word: str) -> str | None:
    """Return the final consonant as it is spoken, "" for a vowel, None where the word does not say.

    >>> ends_in("치킨"), ends_in("피자"), ends_in("비에이치씨(bhc)"), ends_in("롱구28"), ends_in("KFC"), ends_in("🍗")
    ('ᆫ', '', '', 'ᆯ', '', None)
    """
    bare = re.sub(r"[\s.]*[(\[][^()\[\]]*[)\]]\s*$", "", word) or word
    for sign in reversed(bare):
        spoken = _SAID_AS.get(sign.lower(), sign)
        if "가" <= spoken[-1] <= "힣":
            last = unicodedata.normalize("NFD", spoken[-1])[-1]
            return last if "\u11a8" <= last <= "\u11c2" else ""
        if sign.isalnum():
            return None
    return None


def particle_errors(text: str, words: Collection[str]) -> list[str]:
    """Return every particle that does not fit the word before it, after `words` and where the spelling alone tells.

    >>> particle_errors("참새분식는 라면를 팔아요. 우유이에요.", ["참새분식"])
    ['참새분식는', '면를', '유이에요']
    >>> particle_errors("참새분식은 7,000원이에요. 서울로 가요.", ["참새분식", "서울"])
    []
    """
    found = []
    for word in sorted({w for w in words if w}, key=len, reverse=True):
        final = ends_in(word)
        for match in (
            re.finditer(rf"(?<![가-힣]){re.escape(word)}", text) if final is not None else ()
        ):
            after = _EITHER.match(text, match.end())
            if after and not _fits(str(final), after[1]):
                found.append(word + after[1])
        text = text.replace(word, "\x01")
    for pattern, wrong in (
        (_OBJECT_AFTER_FINAL, True), (_IS_AFTER_FINAL, True), (_IS_AFTER_VOWEL, False),
    ):  # fmt: skip
        found += [m[0] for m in pattern.finditer(text) if bool(ends_in(m[1])) is wrong]
    return found


def _fits(final: str, particle: str) -> bool:
    if particle in ("이", "가"):
        return (particle == "이") is bool(final)
    if particle in ("으로", "로"):
        return (particle == "로") is (final in ("", "ᆯ"))
    return (particle in _AFTER_FINAL) is bool(final)


def sentences(text: str, names: Collection[str]) -> list[str]:
    """Return the sentences, names put away, list numbers, emoji and end marks off.

    >>> sentences("좋죠! 🍗 5.5닭갈비 어때요? 갈래요?", ["5.5닭갈비"])[::2]
    ['좋죠', '갈래요']
    """
    for name in sorted({n for n in names if n}, key=len, reverse=True):
        text = text.replace(name, _NAME)
    text = _ITEM.sub("", _QUOTED.sub(_NAME, text))
    parts = _END.split(_EMOJI.sub("", text))
    return [p.strip() for p in parts if p.strip(" ,:" + _NAME)]


def impolite(text: str, names: Collection[str]) -> list[str]:
    """Return the sentences that do not end in 해요체.

    >>> impolite("치킨 좋죠! 여기 있습니다. 어때요?", ())
    ['여기 있습니다']
    """
    return [s for s in sentences(text, names) if not _POLITE.search(s)]


def korean_share(text: str, names: Collection[str]) -> float:
    """Return the share of letters that are Hangul, names put away; 1 where there are none.

    >>> korean_share("치킨 좋죠 ok", ())
    0.6666666666666666
    """
    for name in sorted({n for n in names if n}, key=len, reverse=True):
        text = text.replace(name, " ")
    letters = [c for c in text if c.isalpha()]
    return sum("가" <= c <= "힣" for c in letters) / len(letters) if letters else 1.0


def emoji_count(text: str) -> int:
    """Return how many emoji a text holds."""
    return sum(c not in "\ufe0f\u200d" for c in _EMOJI.findall(text))


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n: different n-grams of words over all n-grams (Li et al. 2016)."""
    grams = [g for t in texts for g in _grams(t.split(), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(texts: Sequence[str], *, n: int = 3) -> float:
    """Return the mean BLEU-n of each text against all others (Zhu et al. 2018): 1 where all say the same.

    Modified precision, +1 smoothing above unigrams, the brevity penalty against the closest length.
    """
    split = [t.split() for t in texts if t.split()]
    if len(split) < 2:
        return 0.0
    counts = [[Counter(_grams(t, k)) for t in split] for k in range(1, n + 1)]
    best = [_two_highest(c) for c in counts]
    return sum(_bleu(i, split, counts, best) for i in range(len(split))) / len(split)


def _two_highest(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], list[int]]:
    """Return per n-gram the two highest counts in one text: what the others hold is one of them."""
    highest: dict[tuple[str, ...], list[int]] = {}
    for counter in counts:
        for gram, number in counter.items():
            highest[gram] = sorted([*highest.get(gram, [0, 0]), number])[-2:]
    return highest


def _bleu(
    i: int,
    split: Sequence[list[str]],
    counts: Sequence[Sequence[Counter[tuple[str, ...]]]],
    best: Sequence[dict[tuple[str, ...], list[int]]],
) -> float:
    length = len(split[i])
    closest = min(
        (len(t) for j, t in enumerate(split) if j != i), key=lambda other: abs(other - length)
    )
    logs = 0.0
    for k, (of_size, highest) in enumerate(zip(counts, best, strict=True)):
        mine, total, hits = of_size[i], sum(of_size[i].values()), 0
        for gram, number in mine.items():
            second, first = highest[gram]
            hits += min(number, second if number == first else first)
        smooth = 0 if k == 0 else 1
        if not hits + smooth:
            return 0.0
        logs += math.log((hits + smooth) / (total + smooth)) if total + smooth else 0.0
    return math.exp(logs / len(counts)) * min(1.0, math.exp(1 - closest / length))


def _grams(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    if n == 2:
        yield from pairwise(words)
        return
    for i in range(len(words) - n + 1):
        yield tuple(words[i : i + n])
