"""Where a streamed text's sentences end. Pure."""

import re

_PICTURE = "\U0001f300-\U0001faff\u2600-\u27bf\ufe0f\u200d"
_COMPLETE = re.compile(
    rf"\s*(.*?[.!?~\n]+(?!\d)(?:\s*[{_PICTURE}])*)(?=\s*[^\s{_PICTURE}.!?~])", re.DOTALL
)
_ENDED = re.compile(rf"[.!?~요죠][\s{_PICTURE}]*$")


def split_sentences(text: str) -> list[str]:
    """Split at sentence ends, an emoji staying with the sentence before it; the last item is the open rest.

    >>> split_sentences("치킨 좋죠! 🍗 @1은 $1이에요. 어디")
    ['치킨 좋죠! 🍗', '@1은 $1이에요.', ' 어디']
    >>> split_sentences("좋아요!")
    ['좋아요!']
    """
    done: list[str] = []
    at = 0
    while match := _COMPLETE.match(text, at):
        done.append(match[1].strip())
        at = match.end()
    return [*[d for d in done if d], text[at:]]


def has_ended(text: str) -> bool:
    """Return whether a text ends as a sentence does.

    >>> has_ended("좋아요! 🍗"), has_ended("@1은 #1이")
    (True, False)
    """
    return _ENDED.search(text) is not None
