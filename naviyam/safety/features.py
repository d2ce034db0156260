"""What the safety classifier sees of a text besides its meaning: hashed pieces of letters and of jamo. Pure numpy.

Jamo pieces see through what evaders do to syllables (쉬발, ㅅㅣ발): letters only, spelt out, without marks, digits or
spaces between them. The hash is arithmetic on code points, the same on every machine, and needs no dictionary.
"""

import numpy as np
import numpy.typing as npt

from naviyam.text.clean import LEADS, TAILS, VOWELS

BUCKETS_LOG2 = 17
BUCKETS = 1 << BUCKETS_LOG2
LETTER_SIZES = (1, 2, 3, 4)
JAMO_SIZES = (3, 4, 5, 6, 7)
_MOST_CHARS = 600
"""Beyond what a message may hold; longer texts are cut."""

_FIRST, _LAST = 0xAC00, 0xD7A3
_SPELT = tuple(
    LEADS[i // 588] + VOWELS[i // 28 % 21] + TAILS[i % 28] for i in range(_LAST - _FIRST + 1)
)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(1_000_003)
_SHIFT = np.uint64(64 - BUCKETS_LOG2)

I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]


def jamo(text: str) -> str:
    """Spell syllables out and keep letters only.

    >>> jamo("시1발 ㅅㅂ!"), jamo("닭ok")
    ('ㅅㅣㅂㅏㄹㅅㅂ', 'ㄷㅏㄺok')
    """
    return "".join(
        _SPELT[ord(c) - _FIRST] if _FIRST <= ord(c) <= _LAST else c for c in text if c.isalpha()
    )


Block = tuple[I32, F32]
"""Buckets, rising and int32 [n], and how much of each, float32 [n]."""


def blocks(cleaned: str) -> tuple[Block, Block]:
    """Return the letter pieces and the jamo pieces of a cleaned text, each with 1 + ln of how often it occurs.

    >>> letters, spelt = blocks("치킨 먹자")
    >>> len(letters[0]) == len(letters[1]) > 10 and bool((np.diff(spelt[0]) > 0).all())
    True
    """
    plain = cleaned.lower()[:_MOST_CHARS]
    return _block(f" {plain} ", LETTER_SIZES, salt=1), _block(jamo(plain), JAMO_SIZES, salt=2)


def _block(text: str, sizes: tuple[int, ...], *, salt: int) -> Block:
    ids, counts = np.unique(_hashed(text, sizes, salt=salt), return_counts=True)
    return ids.astype(np.int32), (1 + np.log(counts)).astype(np.float32)


def _hashed(text: str, sizes: tuple[int, ...], *, salt: int) -> npt.NDArray[np.uint64]:
    """Return the buckets of every run of `sizes` characters; sizes must rise."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    out = [np.zeros(0, np.uint64)]
    rolling = np.full(len(codes), salt, np.uint64)
    for size in range(1, min(sizes[-1], len(codes)) + 1):
        rolling = rolling[: len(codes) - size + 1] * _STEP + codes[size - 1 :]
        if size in sizes:
            mixed = (rolling ^ (rolling >> np.uint64(29))) * _MULTIPLIER
            out.append(mixed >> _SHIFT)
    return np.concatenate(out)
