"""The wish in words, for dense retrieval: without card, price, place and without phrases of asking."""

import re

from naviyam.nlu.spans import Span, overlaps

_KEEP = ("category", "food_type", "atmosphere")
_DULL = re.compile(
    r"^(?:추천|알려|찾아|보여|골라|소개|먹[고을으어자]|먹는|먹으|머글|머거|먹기|가고|갈[까래만게데]?$|갈만|갈\s?수|가자|가는|싶|있[어나을는니]|있음|없[어나을는니]|뭐|뭘|무엇|무슨|어디|어느|좀|쫌|그냥|혹시|제발|지금|오늘|내일|이제|근데|그럼|그러면|나|난|저|전|우리|저희|너|넌|내가|제가|나는|저는|되는|돼|되나|가능|쓸|사용|결제|안에|안쪽|이하|이내|미만|정도|까지|으로|로|에서|에|이서|말고|말구|빼고|빼줘|제외|싫어|싫|못|안|알레르기|알러지|곳|데|데는|거|것|걸|게|건|수|때|땐|줘|주세요|줄래|해줘|해주세요|해|할까|하고|한|좋은|좋을|좋아|맛집|맛있는|식당|가게|음식점|밥집|음식|메뉴|집|ㄱㄱ|ㅊㅊ|ㅋ+|ㅎ+|ㅠ+|ㅜ+|배고파|배고픈|배고프|배고팡|급|진짜|완전|너무|엄청|되게|더|덜|또|다른|딴|같은|같이|함께|아무|요|야|만|도|은|는|이|가|을|를|와|과|랑|이랑|있는|파는|괜찮은|괜찮|부탁|하나|개|명|원|만원|급식|카드|근처|주변|앞|걸로|거로|것으로|먹을래|땡겨|땡기|당겨|당기)"
)
_WHOLE = frozenset(
    (
        "한그릇",
        "한우",
        "해산물",
        "해장",
        "전복",
        "이색",
        "전골",
        "가정식",
        "만두",
        "도시락",
        "한끼",
        "개운한",
        "고소한",
        "나물",
        "급식",
        "요리",
        "야채",
        "로제",
        "이국적인",
        "은은한",
        "가벼운",
        "가볍게",
        "수제",
    )
)
_JOSA = re.compile(
    r"(?<=[가-힣]{2})(?:이나|에서|으로|이랑|하고|부터|까지|이요|은|는|이|가|을|를|도|에|로|랑|과|와|요|만)$"
)
_PUNCTUATION = re.compile(r"[^0-9A-Za-z가-힣\s]+")


def semantic_query(text: str, spans: tuple[Span, ...]) -> str:
    """Return food in its normal spelling and the words that colour the wish, in order.

    >>> from naviyam.nlu.food import find_food
    >>> text = "뜨끈한 국물 있는 자장면 추천해줘"
    >>> semantic_query(text, find_food(text))
    '뜨끈한 국물 짜장면'
    """
    wanted = [s for s in spans if s.key in _KEEP and not s.negated]
    silent = [s for s in spans if s not in wanted]
    parts: list[str] = []
    at = 0
    for span in [*wanted, None]:
        stop = span.start if span else len(text)
        parts += _words(text, at, stop, silent)
        if span:
            parts.append(_food(text, span))
            at = max(at, span.end)
    return " ".join(dict.fromkeys(parts))


def _food(text: str, span: Span) -> str:
    said = text[span.start : span.end]
    if span.key == "category" and said.endswith("집") and said.startswith(str(span.value)):
        return said
    return str(span.value)


def _words(text: str, start: int, stop: int, silent: list[Span]) -> list[str]:
    chars = [" " if overlaps(i, i + 1, silent) else text[i] for i in range(start, max(start, stop))]
    words = _PUNCTUATION.sub(" ", "".join(chars)).split()
    kept = [
        w
        for w in words
        if len(w) > 1
        and (w in _WHOLE or any(w.startswith(k) for k in _WHOLE) or not _DULL.match(w))
    ]
    return [_JOSA.sub("", w) for w in kept]
