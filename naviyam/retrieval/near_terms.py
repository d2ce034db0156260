"""Terms of an index that are spelt nearly like a word nobody wrote: 칼국쑤 -> 칼국수. Compared by pairs of jamo."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_FIRST, _LAST = 0xAC00, 0xD7A3
_ENOUGH = 0.7
"""Least Dice coefficient of the two sets of pairs: what one wrong consonant in three syllables leaves."""

_SYLLABLES = 2
_EDGE = "^"


class NearTerms:
    """Pairs of jamo of all terms of at least two Hangul syllables, and where they stand."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = [term for term in terms if _is_hangul(term)]
        found: defaultdict[str, list[int]] = defaultdict(list)
        sizes = []
        for number, term in enumerate(self._terms):
            pairs = set(_pairs(term))
            sizes.append(len(pairs))
            for pair in pairs:
                found[pair].append(number)
        self._size = np.array(sizes, np.float32)
        self._found: dict[str, npt.NDArray[np.int32]] = {
            pair: np.array(numbers, np.int32) for pair, numbers in found.items()
        }

    def nearest(self, word: str) -> tuple[str, float] | None:
        """Return the term most like `word` and how alike they are (0.7 to 1); None if none is."""
        if not _is_hangul(word) or not self._terms:
            return None
        pairs = set(_pairs(word))
        shared = np.zeros(len(self._terms), np.float32)
        for pair in pairs & self._found.keys():
            shared[self._found[pair]] += 1
        alike = 2 * shared / (self._size + len(pairs))
        best = int(np.argmax(alike))
        return (self._terms[best], float(alike[best])) if alike[best] >= _ENOUGH else None


def _is_hangul(word: str) -> bool:
    return len(word) >= _SYLLABLES and all(_FIRST <= ord(c) <= _LAST for c in word)


def _pairs(word: str) -> Iterator[str]:
    """Yield the pairs of neighbouring jamo, the edges included: each says where it stands in its syllable."""
    jamo = [_EDGE, *(part for c in word for part in _parts(c)), _EDGE]
    yield from (a + b for a, b in pairwise(jamo))


def _parts(syllable: str) -> Iterator[str]:
    code = ord(syllable) - _FIRST
    yield chr(0x1100 + code // 588)
    yield chr(0x1161 + code % 588 // 28)
    if code % 28:
        yield chr(0x11A7 + code % 28)
