"""Masks for personal data, before a text is stored or trained on (spec 6). Pure functions."""

import re

_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[이메일]"),
    (re.compile(r"(?<!\d)\d{6}\s?[-–]\s?[0-8]\d{6}(?!\d)|(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[1-4]\d{6}(?!\d)"), "[주민번호]"),
    (re.compile(r"(?<!\d)(?:\d{4}[-\s]?){3}\d{3,4}(?!\d)"), "[카드번호]"),
    (re.compile(r"(?<!\d)(?:\+?82[-.\s]?|0)1[016789][-.\s]?\d{3,4}[-.\s]?\d{4}(?!\d)"), "[전화번호]"),
    (re.compile(r"(?<!\d)0(?:2|[3-6][1-5]|70|50\d?)[-.)\s]?\s?\d{3,4}[-.\s]?\d{4}(?!\d)"), "[전화번호]"),
    (re.compile(r"공일공[공영일이삼사오육륙칠팔구\s-]{8,}"), "[전화번호]"),
    (re.compile(r"(?<=[가-힣])(로|길)\s?(?:\d+\s?번?길\s?)?\d+(?:-\d+)?(?:번지)?(?![\d원분시개명번인,.]|\s?(?:원|분|시|개|명|번째))"), r"\1 [주소]"),
    (re.compile(r"(?<=[가-힣])(동|리|가)\s?\d+(?:-\d+)?\s?번지"), r"\1 [주소]"),
    (re.compile(r"\d{1,4}\s?동\s?\d{1,4}\s?호"), "[주소]"),
)  # fmt: skip


def mask(text: str) -> str:
    """Replace phone, resident and card numbers, e-mails and addresses down to the house.

    >>> mask("내 번호 010-1234-5678이고 메일은 kid@example.com"), mask("효자로 12에 살아")
    ('내 번호 [전화번호]이고 메일은 [이메일]', '효자로 [주소]에 살아')
    >>> mask("만원으로 치킨 2마리, 5000원"), mask("1388에 전화해")
    ('만원으로 치킨 2마리, 5000원', '1388에 전화해')
    """
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text
