"""Is it Korean that 나비얌 would say? A small model is held to the words of the style it was trained on.

A base of 135 million parameters sometimes makes up a word. What stands outside the slots must consist of words of
`style` or of the child's own question; large bases (`instructed` layout) are not held to this.
"""

import re
from functools import cache

from naviyam.nlg import style
from naviyam.nlg.brief import outside_slots

_WORD = re.compile(r"[가-힣A-Za-z]+")


def made_up_words(slotted: str, question: str) -> tuple[str, ...]:
    """Return the words of a sentence that are neither the style's nor the question's.

    >>> made_up_words("바로 더 궁금하는 데들어요!", "다른 데는?")
    ('궁금하는', '데들어요')
    >>> made_up_words("@0 좋죠! 🍗 @1은 #1이 $1이에요.", "치킨")
    ()
    """
    known = _style_words() | set(_WORD.findall(question))
    return tuple(w for w in _WORD.findall(outside_slots(slotted)) if w not in known)


@cache
def _style_words() -> frozenset[str]:
    texts: list[str] = []
    for name, value in vars(style).items():
        if not name.isupper() or name.startswith("NOTICE"):
            continue
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, tuple):
            texts += value
        elif isinstance(value, dict):
            texts += [t for v in value.values() for t in ((v,) if isinstance(v, str) else v)]
    return frozenset(w for t in texts for w in _WORD.findall(outside_slots(t)))
