"""Easy Korean for children: easy words, 해요체, few emoji, no word that shames. Pure functions.

Refuses to check facts or to judge content: `nlg` and `safety` do.
"""

import re

from naviyam.text.josa import fix_josa

STIGMA_WORDS = ("결식", "불우", "빈곤", "가난", "저소득")
"""Never in any text that can be output (spec 6)."""

_STIGMA = (
    (re.compile(r"(?:결식|빈곤|저소득층?|불우)\s*(?:가정|계층)?\s*(?:우려)?\s*(?:아동|청소년|어린이|이웃|학생)(?:들)?(?:을|를)?\s*위한\s*"), ""),
    (re.compile(r"(?:결식|빈곤|저소득층?|불우)\s*(?:가정|계층)?\s*(?:우려)?\s*(?:의\s*)?(?:아동|청소년|어린이|이웃|학생)"), "친구"),
    (re.compile(r"(?:결식|빈곤|저소득층?|불우|가난)(?:한|하고|해서|했던|함|층|가정|아동)?\s?"), ""),
)  # fmt: skip

_WORDS = (
    ("이용 가능합니다", "쓸 수 있어요"), ("이용이 가능합니다", "쓸 수 있어요"), ("이용가능합니다", "쓸 수 있어요"), ("이용 가능해요", "쓸 수 있어요"),
    ("사용 가능합니다", "쓸 수 있어요"), ("사용이 가능합니다", "쓸 수 있어요"), ("사용 가능해요", "쓸 수 있어요"),
    ("결제 가능합니다", "낼 수 있어요"), ("결제가 가능합니다", "낼 수 있어요"), ("결제 가능해요", "낼 수 있어요"),
    ("주문 가능합니다", "시킬 수 있어요"), ("주문이 가능합니다", "시킬 수 있어요"), ("포장 가능합니다", "싸 갈 수 있어요"),
    ("방문 가능합니다", "갈 수 있어요"), ("이용 가능한", "쓸 수 있는"), ("이용가능한", "쓸 수 있는"), ("사용 가능한", "쓸 수 있는"), ("결제 가능한", "낼 수 있는"),
    ("가능합니다", "할 수 있어요"), ("불가능합니다", "할 수 없어요"), ("불가합니다", "안 돼요"),
    ("해당 업소", "그 가게"), ("해당 업체", "그 가게"), ("해당 매장", "그 가게"), ("본 업소", "우리 가게"), ("업소", "가게"), ("음식점", "식당"), ("점포", "가게"),
    ("영업시간", "문 여는 시간"), ("영업 시간", "문 여는 시간"), ("영업 중입니다", "열려 있어요"), ("영업중입니다", "열려 있어요"), ("영업 중이에요", "열려 있어요"), ("영업 중인", "열려 있는"), ("영업중인", "열려 있는"), ("금일", "오늘"), ("익일", "다음 날"), ("휴무일", "쉬는 날"),
    ("휴무", "쉬는 날"), ("도보로", "걸어서"), ("도보 ", "걸어서 "), ("소요됩니다", "걸려요"), ("위치해 있습니다", "있어요"),
    ("위치하고 있습니다", "있어요"), ("위치한", "있는"), ("제공합니다", "줘요"), ("제공됩니다", "나와요"), ("제공하는", "주는"),
    ("저렴하게", "싸게"), ("저렴한", "싼"), ("저렴합니다", "싸요"), ("저렴해요", "싸요"), ("상이합니다", "달라요"), ("문의 바랍니다", "물어보세요"), ("문의바랍니다", "물어보세요"),
    ("권장합니다", "좋아요"), ("안내드립니다", "알려 줄게요"), ("안내해 드리겠습니다", "알려 줄게요"), ("추천드립니다", "추천해요"), ("추천해 드립니다", "추천해요"),
    ("추천해드립니다", "추천해요"), ("귀하", "친구"), ("고객님", "친구"), ("다양한", "여러 가지"), ("약간의", "조금"), ("인근", "근처"),
)  # fmt: skip
_ENDINGS = (
    ("안녕하십니까", "안녕하세요"), ("감사합니다", "고마워요"), ("고맙습니다", "고마워요"), ("죄송합니다", "미안해요"), ("아닙니다", "아니에요"),
    ("하십시오", "하세요"), ("주십시오", "주세요"), ("십시오", "세요"), ("바랍니다", "바라요"), ("드립니다", "드려요"), ("드리겠습니다", "드릴게요"),
    ("하겠습니다", "할게요"), ("겠습니다", "겠어요"), ("있습니다", "있어요"), ("없습니다", "없어요"), ("같습니다", "같아요"), ("좋습니다", "좋아요"), ("많습니다", "많아요"),
    ("괜찮습니다", "괜찮아요"), ("싶습니다", "싶어요"), ("맛있습니다", "맛있어요"), ("했습니다", "했어요"), ("었습니다", "었어요"), ("았습니다", "았어요"), ("였습니다", "였어요"),
    ("됐습니다", "됐어요"), ("갔습니다", "갔어요"), ("왔습니다", "왔어요"), ("합니다", "해요"), ("됩니다", "돼요"), ("줍니다", "줘요"), ("봅니다", "봐요"), ("갑니다", "가요"),
    ("옵니다", "와요"), ("나옵니다", "나와요"), ("먹습니다", "먹어요"), ("받습니다", "받아요"), ("엽니다", "열어요"), ("닫습니다", "닫아요"), ("팝니다", "팔아요"),
    ("쉽니다", "쉬어요"), ("쌉니다", "싸요"), ("큽니다", "커요"), ("가깝습니다", "가까워요"), ("맵습니다", "매워요"), ("습니까", "나요"), ("합니까", "하나요"), ("입니까", "인가요"),
)  # fmt: skip
_IS = re.compile(r"(?<=[0-9가-힣a-zA-Z)])입니다")
_WORD = re.compile("|".join(re.escape(w) for w, _ in sorted(_WORDS, key=lambda p: -len(p[0]))))
_ENDING = re.compile("|".join(re.escape(w) for w, _ in sorted(_ENDINGS, key=lambda p: -len(p[0]))))
_WORD_OF = dict(_WORDS)
_ENDING_OF = dict(_ENDINGS)
_EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55]"
    "[\ufe0f\U0001f3fb-\U0001f3ff]?(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?)*)"
)


def friendly(text: str, max_emoji: int = 2) -> str:
    """Make a text easy and kind: easy words, 해요체, at most `max_emoji` emoji, no stigma word, josa right.

    >>> friendly("급식카드 이용 가능합니다. 해당 업소는 도보로 5분 소요됩니다.")
    '급식카드 쓸 수 있어요. 그 가게는 걸어서 5분 걸려요.'
    >>> friendly("결식아동을 위한 식당입니다 🍗🍗🍚"), friendly("맛있는 피자입니다")
    ('식당이에요 🍗🍗', '맛있는 피자예요')
    """
    text = without_stigma(text)
    text = _WORD.sub(lambda m: _WORD_OF[m.group()], text)
    text = polite(text)
    return fix_josa(limit_emoji(text, max_emoji))


def polite(text: str) -> str:
    """Turn common 합니다 endings into 해요체.

    >>> polite("지금 열려 있습니다. 좋은 곳입니다!"), polite("맛있게 드십시오")
    ('지금 열려 있어요. 좋은 곳이에요!', '맛있게 드세요')
    """
    text = _ENDING.sub(lambda m: _ENDING_OF[m.group()], text)
    return _IS.sub(lambda m: "이에요" if _closed(m.string[m.start() - 1]) else "예요", text)


def limit_emoji(text: str, most: int) -> str:
    """Keep the first `most` emoji.

    >>> limit_emoji("좋아요 😊🍗 그럼 🍕", 1)
    '좋아요 😊 그럼'
    """
    seen = 0

    def keep(m: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        return m.group() if seen <= most else ""

    kept = _EMOJI.sub(keep, text)
    return re.sub(r" {2,}", " ", kept).strip() if kept != text else text


def count_emoji(text: str) -> int:
    """Return how many emoji a text holds (a joined family is one)."""
    return len(_EMOJI.findall(text))


def without_stigma(text: str) -> str:
    """Take out words that shame, with the phrase that hangs on them.

    >>> without_stigma("결식아동을 위한 식당"), without_stigma("저소득층 아동도 와요")
    ('식당', '친구도 와요')
    """
    for pattern, instead in _STIGMA:
        text = pattern.sub(instead, text)
    for word in STIGMA_WORDS:
        text = text.replace(word, "")
    return text


def _closed(c: str) -> bool:
    if "가" <= c <= "힣":
        return (ord(c) - 0xAC00) % 28 != 0
    return c in "01367 8lmnrLMNR"
