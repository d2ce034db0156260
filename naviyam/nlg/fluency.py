"""Is it Korean that 나비얌 would say? A small model is held to the style it was trained on, and every model to 해요체.

A base of 135 million parameters sometimes makes up a word, or puts two words together that never stand together. What
it writes must consist of pairs of neighbouring words of `style`, beginning and end included; large bases (`instructed`
layout) are not held to this.
"""

import re
from functools import cache
from itertools import pairwise

from naviyam.nlg import style
from naviyam.nlg.brief import SLOT, slots_as_words
from naviyam.text.easy import polite

_TOKEN = re.compile(r"[@#$%&^]\d|[가-힣A-Za-z]+|\d+")
_END = re.compile(r"[^가-힣A-Za-z0-9]+$")


def unknown_pairs(slotted: str) -> tuple[str, ...]:
    """Return the neighbours in a sentence that are no neighbours in the style.

    >>> unknown_pairs("@0 좋죠! 🍗"), unknown_pairs("@1: #1 $1, %1, &1.")
    ((), ())
    >>> unknown_pairs("아직 어때요? 😊"), unknown_pairs("칼국 먹어요!")
    (('< 아직', '아직 어때요'), ('< 칼국', '칼국 먹어요'))
    """
    return tuple(" ".join(pair) for pair in _pairs(slotted) if pair not in _style_pairs())


def impolite(text: str) -> bool:
    """Return whether a finished sentence ends otherwise than in 해요체, after what `text.easy` mends.

    >>> impolite("참새분식은 라면이 4,000원이에요. 😊"), impolite("카드 되는 카드!"), impolite("여기 있습니다.")
    (False, True, False)
    """
    return not _END.sub("", polite(text)).endswith(("요", "죠"))


def _pairs(slotted: str) -> list[tuple[str, str]]:
    """Return neighbouring words, slots as their kind, with marks of begin and end."""
    return list(pairwise(["<", *_TOKEN.findall(slots_as_words(slotted)), ">"]))


@cache
def _style_pairs() -> frozenset[tuple[str, str]]:
    texts: list[str] = []
    for name, value in vars(style).items():
        if not name.isupper() or name.startswith("NOTICE"):
            continue
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, tuple):
            texts += value
        elif isinstance(value, dict):
            texts += [k for k in value if SLOT.search(k)]
            texts += [t for v in value.values() for t in ((v,) if isinstance(v, str) else v)]
    sentences = [s for t in texts for s in re.split(r"(?<=[.!?])\s+", t)]
    return frozenset(pair for s in (*texts, *sentences) for pair in _pairs(s))
