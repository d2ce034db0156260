"""Which menus are alcohol and which shops are bars. Curated patterns, no I/O.

A false "no" shows a child a drink; a false "yes" hides a harmless dish. Both lists are tested.
"""

import re

_DRINK = re.compile(
    r"소주|맥주|막걸리|동동주|탁주|청주(?!해장|국|닭|왕|만두|식|시)|약주|하이볼|와인|위스키|(?<!남)양주(?!시|역|식|골|밀면)|보드카|데킬라|칵테일(?!새우|소스|소세지|소시지|과일|프루트)"
    r"|사케(?!동|마끼|롤|초밥)|샴페인|생맥|병맥|캔맥|흑맥|수제맥|카스(?!테라|타드|텔라|카라|튤라)|테라(?=\s*(?:\d|병|생|$))|하이트(?!닝)|처음처럼|참이슬|진로(?!상담)|새로(?=\s*(?:소주|\d|$))"
    r"|소맥|고량주|연태|이과두|백주(?!부|년)|빼갈|매실주|복분자주|과실주|인삼주|산사춘|백세주|청하(?!동)|모히또|모히토|진토닉|럼콕|잭콕|상그리아|뱅쇼|안주(?!인|머니)|주류|(?<![가-힣])술(?=$|\s|\d|\()"
)
_DRINK_IN_PROSE = re.compile(
    r"소주(?!제)|맥주|막걸리|동동주|하이볼|와인|위스키|보드카|데킬라|칵테일(?!새우)|샴페인|생맥|소맥|고량주|모히또|안주(?:로|가|와|거리)|(?<![가-힣])술(?:을|도|이랑|과|집|안주|\s?한\s?잔)|주류|취하"
)
"""Fewer words than for menus: in a sentence 청주 is a city and 새로 an adverb."""

_HARMLESS = re.compile(
    r"(?:무|논)\s?알[코콜]+[올]?\s?\S*|알코올\s?프리|와인\s?(?:삼겹|숙성|돼지|갈비|목살|등심|안심|소스|식초|비네거|크림|젤리|에이드|치킨|족발|보쌈)|와인에\s?재운|맥주\s?효모|맥주\s?사탕|맥주맛"
    r"|막걸리\s?(?:빵|술빵|식초|찐빵|발효)|막걸리빵|소주\s?(?:한\s?)?방울|술빵|술떡|술찐빵|안주인|레드와인\s?소스|카스테라|제로\s?맥주|맥주\s?반죽|비어\s?치킨|청하루"
)
_BAR_WORDS = re.compile(
    r"호프(?!만|스|잔|퍼|웨이)|술집|(?<![광전여원나파청충상공경진양제영성한무])주점(?!부리|버리)|포차|포장마차|이자카야|선술집|소주(?!방울)|맥줏집|맥주|생맥|막걸리|하이볼|와인(?!\s?삼겹|갈비|돈)|위스키|칵테일|사케(?!동)|단란|유흥|룸살롱|나이트클럽"
    r"|클럽바|(?:^|[\s(])펍|펍(?:$|[\s)])|gastropub|\bpub\b|\bbar\b|\bbeer\b|\bhof\b|비어(?:$|[\s)]|스|호프|하우스|홀|킹|존|가든|파크|타운|펍|광장|캐빈|페스트|브로스)|(?:^|[가-힣a-z\s])비어$|탭하우스|브루어리|브루잉|양조장"
    r"|(?:^|\s)(?:[가-힣]+\s)?bar$|칵테일바|와인바|재즈바|라운지바|(?:^|\s)바(?:$|\s\()|감성주점|실내포차|소주\s?한\s?잔|(?<![가-힣])술\s?한\s?잔|대포집|왕대포|동동주",
    re.IGNORECASE,
)
_NOT_BAR = re.compile(
    r"호프만|주점부리|비어\s?있|비어있|와인\s?삼겹|막걸리빵|술빵|맥주효모|맥주보리|포차떡볶이|포차김밥|분식포차|떡볶이\s?포차"
)
_BAR_TRADES = re.compile(
    r"호프|주점|술집|포차|이자카야|단란|유흥|맥주|와인바|칵테일|바\(bar\)|소주방|막걸리|간이주점|생맥주|라운지|\bpub\b|\bbar\b",
    re.IGNORECASE,
)


def is_alcohol_menu(name: str) -> bool:
    """Tell whether a menu is a drink with alcohol, or food sold for drinking with it by name.

    >>> [is_alcohol_menu(n) for n in ("참이슬 소주", "생맥주 500cc", "레몬 하이볼", "글라스와인")]
    [True, True, True, True]
    >>> [is_alcohol_menu(n) for n in ("와인삼겹살", "카스테라", "막걸리빵", "칵테일새우볶음밥", "사케동", "미술관도시락")]
    [False, False, False, False, False, False]
    """
    return _DRINK.search(_HARMLESS.sub(" ", name)) is not None


def is_bar(name: str, category_raw: str = "") -> bool:
    """Tell whether a shop's main trade is alcohol, by its name and its trade as the source gives it.

    >>> [is_bar(n) for n in ("춘천호프", "한신포차", "역전할머니맥주", "소주방 달", "이자카야 하루", "크라운비어")]
    [True, True, True, True, True, True]
    >>> is_bar("삼겹살에소주한잔")
    True
    >>> [is_bar(n) for n in ("호프만 베이커리", "주점부리", "비어있는집", "매운닭발", "바다횟집", "와인삼겹살")]
    [False, False, False, False, False, False]
    """
    if _BAR_TRADES.search(category_raw):
        return True
    return _BAR_WORDS.search(_NOT_BAR.sub(" ", name)) is not None


def mentions_alcohol(text: str) -> bool:
    """Tell whether a sentence speaks of alcohol.

    >>> mentions_alcohol("시원한 맥주도 있어요"), mentions_alcohol("청주 맛집이에요"), mentions_alcohol("미술관 옆 와인삼겹살")
    (True, False, False)
    """
    return _DRINK_IN_PROSE.search(_HARMLESS.sub(" ", text)) is not None
