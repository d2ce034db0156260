"""Cleaning of what a child types, with a map back to the original characters.

Owns Unicode form, stray jamo, repeated characters, spaces and control characters. Emoji stay: they
are a signal. Refuses to translate slang or fix spelling (`text.spelling` does, on squashed text).
"""

import re
import unicodedata
from dataclasses import dataclass

from naviyam.text.spelling import unify

_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u200b")
LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
"""The letters that a syllable is made of, in Unicode's order; the first tail is none."""

_CRYING = "ㅜㅠㅡ"
"""Vowels that stand for tears or a face after a consonant (ㅋㅋㅠㅠ); they never make a syllable."""

_NOT_WORD = re.compile(r"[^0-9a-z가-힣ㄱ-ㅎㅏ-ㅣ]+")

Piece = tuple[str, int, int]
"""One character and the half-open span of the original that it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Cleaned text; `spans[i]` is the half-open span of the original behind `text[i]`."""

    text: str
    original: str
    spans: tuple[tuple[int, int], ...]

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Map a half-open span of `text` to one of `original`; an empty span stays empty.

        >>> c = normalise("  치킨ㅋㅋㅋㅋ  피자")
        >>> start, end = c.to_original(c.text.index("피자"), c.text.index("피자") + 2)
        >>> c.original[start:end]
        '피자'
        """
        if start >= end:
            at = self.spans[start][0] if start < len(self.spans) else len(self.original)
            return at, at
        return self.spans[start][0], self.spans[end - 1][1]


def normalise(text: str) -> Cleaned:
    """Clean a message: NFC, full-width letters, typed-out jamo, repeats, spaces, control characters.

    Doing it twice changes nothing more.

    >>> normalise("ㅊㅣㅋㅣㄴ   먹자ㅋㅋㅋㅋㅋ!!!!").text
    '치킨 먹자ㅋㅋ!!'
    >>> normalise("１０００원 이하~~~ 🍗").text
    '1000원 이하~~ 🍗'
    """
    pieces = _composed(text)
    pieces = _visible(pieces)
    pieces = _syllables(pieces)
    pieces = _calm(pieces)
    return Cleaned(
        text="".join(p[0] for p in pieces),
        original=text,
        spans=tuple((p[1], p[2]) for p in pieces),
    )


def squash(text: str) -> str:
    """Return letters and digits only, lower case, dish spelling unified: the form names are compared in.

    >>> squash("치즈 돈가스(대)"), squash("BHC 치킨!")
    ('치즈돈까스대', 'bhc치킨')
    """
    bare = _NOT_WORD.sub("", normalise(text).text.lower())
    return unify(normalise(bare).text)


def _composed(text: str) -> list[Piece]:
    """Return NFC characters; half- and full-width forms become ordinary ones."""
    if unicodedata.is_normalized("NFC", text):
        clusters = [(c, i, i + 1) for i, c in enumerate(text)]
    else:
        clusters = []
        for i, c in enumerate(text):
            if clusters:
                before, start, _ = clusters[-1]
                joined = unicodedata.normalize("NFC", before + c)
                if joined != unicodedata.normalize("NFC", before) + unicodedata.normalize("NFC", c):
                    clusters[-1] = (before + c, start, i + 1)
                    continue
            clusters.append((c, i, i + 1))
    out: list[Piece] = []
    for chars, start, end in clusters:
        for c in unicodedata.normalize("NFC", chars):
            out.append((_plain_width(c), start, end))
    return out


def _plain_width(c: str) -> str:
    code = ord(c)
    if 0xFF01 <= code <= 0xFF5E:
        return chr(code - 0xFEE0)
    if 0x1100 <= code <= 0x11FF or 0xFFA1 <= code <= 0xFFDC:
        return _COMPATIBLE.get(c, c)
    return c


def _compatibility_jamo() -> dict[str, str]:
    table: dict[str, str] = {}
    for code in range(0x3131, 0x3164):
        table[unicodedata.normalize("NFKC", chr(code))] = chr(code)
    for i, c in enumerate(TAILS[1:]):
        table[chr(0x11A8 + i)] = c
    for code in range(0xFFA1, 0xFFDD):
        compatible = unicodedata.normalize("NFKD", chr(code))
        if compatible in table:
            table[chr(code)] = table[compatible]
    return table


_COMPATIBLE = _compatibility_jamo()


def _visible(pieces: list[Piece]) -> list[Piece]:
    """Drop control, format, surrogate and private characters; a joiner stays between emoji."""
    spaced = [(" " if p[0] in _BLANKS or p[0].isspace() else p[0], p[1], p[2]) for p in pieces]
    kept = [
        p
        for p in spaced
        if p[0] == "\u200d" or unicodedata.category(p[0]) not in ("Cc", "Cf", "Cs", "Co")
    ]
    out: list[Piece] = []
    for i, p in enumerate(kept):
        if p[0] == "\u200d":
            after = kept[i + 1][0] if i + 1 < len(kept) else ""
            if not (out and _is_emoji(out[-1][0]) and _is_emoji(after)):
                continue
        out.append(p)
    return out


def _is_emoji(c: str) -> bool:
    return c == "\ufe0f" or (bool(c) and unicodedata.category(c) in ("So", "Sk"))


def _syllables(pieces: list[Piece]) -> list[Piece]:
    """Join consonant + vowel (+ consonant) that were typed apart; ㅠㅠ and ㅋㅋ stay."""
    out: list[Piece] = []
    i = 0
    while i < len(pieces):
        lead, start, end = pieces[i]
        vowel = pieces[i + 1][0] if i + 1 < len(pieces) else ""
        if not (vowel and lead in LEADS and vowel in VOWELS and vowel not in _CRYING):
            out.append(pieces[i])
            i += 1
            continue
        end = pieces[i + 1][2]
        tail = 0
        third = pieces[i + 2][0] if i + 2 < len(pieces) else ""
        fourth = pieces[i + 3][0] if i + 3 < len(pieces) else ""
        if third and third in TAILS[1:] and fourth != third and fourth not in tuple(VOWELS):
            tail, end = TAILS.index(third), pieces[i + 2][2]
        code = 0xAC00 + (LEADS.index(lead) * 21 + VOWELS.index(vowel)) * 28 + tail
        out.append((chr(code), start, end))
        i += 3 if tail else 2
    return out


def _calm(pieces: list[Piece]) -> list[Piece]:
    """Cut runs of one character to two (digits keep their length), spaces to one, ends to none."""
    out: list[Piece] = []
    for p in pieces:
        c = p[0]
        if c == " ":
            if out and out[-1][0] != " ":
                out.append(p)
            continue
        if len(out) > 1 and out[-1][0] == c == out[-2][0] and not c.isdigit():
            out[-1] = (c, out[-1][1], p[2])
            continue
        out.append(p)
    if out and out[-1][0] == " ":
        out.pop()
    return out
