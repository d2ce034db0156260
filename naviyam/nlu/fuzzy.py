"""Finds a known word one keystroke away: by the deletions of its jamo (symmetric delete). Pure, microseconds a word."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")

_SHORTEST = 3
"""Syllables; of shorter words too many are one key from another (우동, 운동)."""


def nearest_words(words: Mapping[str, T]) -> Callable[[str], tuple[int, T] | None]:
    """Return a look-up of a word's beginning: (length matched, what it stands for), None where nothing is near.

    >>> look = nearest_words({"돈까스": "cutlet"})
    >>> look("돈가쓰집"), look("돈까스"), look("돈가치")
    ((3, 'cutlet'), (3, 'cutlet'), None)
    """
    known = {w: v for w, v in words.items() if len(w) >= _SHORTEST and _korean(w)}
    index: dict[str, list[str]] = {}
    for word in sorted(known):
        for variant in _deletions(_keys(word)):
            index.setdefault(variant, []).append(word)

    def look(text: str) -> tuple[int, T] | None:
        for length in range(min(len(text), 8), _SHORTEST - 1, -1):
            typed = _keys(text[:length])
            for variant in _deletions(typed):
                for word in index.get(variant, ()):
                    if abs(len(word) - length) <= 1 and _near(typed, _keys(word)):
                        return length, known[word]
        return None

    return look


def _korean(word: str) -> bool:
    return all("가" <= c <= "힣" for c in word)


_PLAIN = {ord(a): b for a, b in zip("ᄁᄄᄈᄊᄍᆩᆻᅢᅤᅦᅨᅫᅬᅰ", "ᄀᄃᄇᄉᄌᆨᆺᅦᅦᅦᅦᅬᅬᅬ", strict=True)}
"""Doubled consonants and vowels that sound alike are one key, since children mix them up (돈가쓰, 찌게)."""


def _keys(text: str) -> str:
    return unicodedata.normalize("NFD", text).translate(_PLAIN)


def _deletions(keys: str) -> Iterator[str]:
    yield keys
    for i in range(len(keys)):
        yield keys[:i] + keys[i + 1 :]


def _near(a: str, b: str) -> bool:
    """Tell whether one insertion, deletion or replacement, or one exchange of neighbours, makes them equal."""
    if a == b:
        return True
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest = (
        (a[start + 1 :], b[start:]),
        (a[start:], b[start + 1 :]),
        (a[start + 1 :], b[start + 1 :]),
    )
    swapped = (
        a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    )
    return swapped or any(x == y for x, y in rest)
