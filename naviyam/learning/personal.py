"""What still looks like a person after masking: such a text is not trained on. Coarser than `text.personal`, on purpose.

A mask keeps a search working; here a text that is lost costs nothing.
"""

import re

from naviyam.text.personal import mask

_SIGNS = re.compile(
    r"\[(?:이메일|주민번호|카드번호|전화번호|주소|계좌번호)\]"
    r"|(?:내|제|우리\s?\S{0,4}?)\s?이름(?:은|이|:)?\s?[가-힣]{2,4}"
    r"|[가-힣]{2,4}(?:이)?(?:라고|이라고)\s?(?:해|불러|합니다)"
    r"|(?:초등학교|중학교|고등학교|초|중|고)\s?\d\s?학년"
    r"|\d\s?학년\s?\d{1,2}\s?반"
    r"|(?:카톡|카카오톡|인스타|디코|디스코드|텔레그램|아이디|ID)\s?(?:는|은|이|:)?\s?[A-Za-z0-9_.@-]{3,}"
    r"|(?<![\w])@[A-Za-z0-9_.]{3,}"
    r"|https?://"
    r"|(?<!\d)(?:\d[\s-]?){7,}(?!\d)"
)


def looks_personal(text: str) -> bool:
    """Return whether a text tells who somebody is, was masked, or should have been.

    >>> [looks_personal(t) for t in ("만원으로 치킨", "내 번호 [전화번호]", "010-1234-5678", "내 이름은 김나비야", "봉의초등학교 근처 분식")]
    [False, True, True, True, False]
    """
    return mask(text) != text or _SIGNS.search(text) is not None
