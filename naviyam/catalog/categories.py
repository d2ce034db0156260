"""From a list's own trade names, a shop's name and its menus to `request.CATEGORIES`. Pure; patterns only.

The main category is what a child would call the shop (a 한식 licence named ..통닭 is 치킨); every other kind that
name and menus show becomes a tag.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from naviyam.request import CATEGORIES

GENERIC = "기타"
_RAW = {
    "한식": "한식",
    "분식": "분식",
    "중식": "중식",
    "일식": "일식",
    "횟집": "한식",
    "양식": "양식",
    "경양식": "양식",
    "치킨": "치킨",
    "피자": "피자",
    "패스트푸드": "패스트푸드",
    "카페": "카페",
    "커피": "카페",
    "커피숍": "카페",
    "커피전문점": "카페",
    "제과": "베이커리",
    "제과점": "베이커리",
    "제과제빵": "베이커리",
    "베이커리": "베이커리",
    "건강식": "건강식",
    "고기": "고기",
    "삼겹살": "고기",
    "생삼겹": "고기",
    "편의점": "편의점",
}

_NAME = {
    "편의점": r"gs\s*25|지에스\(?(?:gs)?\)?\s?25|(?:^|[\s)])cu(?:$|[\s가-힣])|씨유|세븐일레븐|코리아세븐|이마트24|emart24|미니스톱|편의점",
    "치킨": r"치킨(?!마요|카레|까스|가스)|통닭|파닭|강정|후라이드|bbq치|비비큐|^bbq|\(bbq\)|bhc|비에이치씨|비에이치\(|교촌|굽네|네네치|페리카나|멕시카나"
    r"|처갓집|처가집양념|푸라닭|호식이|자담|또래오래|지코바|60계|꼬꼬|후다다닭|꿀닭|닭튀김|통큰닭|kfc|케이에프씨",
    "피자": r"피자(?!빵)|도미노|파파존스|pizza",
    "패스트푸드": r"버거(?!스테이크)|burger|맥도날드|롯데리아|맘스터치|서브웨이|써브웨이|토스트|에그드랍|핫도그|샌드위치|kfc|케이에프씨",
    "분식": r"김밥|떡볶이|떡볶기|분식|라볶이|김가네|김선생|고봉민|만두|신전떡|엽기떡|튀김|오뎅|어묵|(?<!닭)꼬치(?!구이)|라면(?!$)|라면$",
    "중식": r"짜장|자장|짬뽕|탕수육|마라탕|마라향|양꼬치|훠궈|반점|중화요리|중국|딤섬|홍콩",
    "일식": r"초밥|스시|돈까스|돈가스|돈카츠|돈까츠|카츠|우동|라멘|규동|텐동|소바|타코야끼|마끼|일식|오니기리",
    "양식": r"파스타|스파게티|레스토랑|브런치|리조또|스테이크|경양식|함박",
    "베이커리": r"베이커리|제과|빵|파리바게|뚜레쥬르|브레드|bread|bakery|도넛|도너츠|던킨|케이크|케잌|꽈배기|베이글|크로와상|호두과자",
    "카페": r"카페|커피|coffee|cafe|다방|찻집|이디야|스타벅스|메가엠지씨|컴포즈|투썸|파스쿠찌|요거|빙수|디저트|공차|아이스크림|배스킨",
    "고기": r"삼겹|(?<!닭)갈비(?!탕|찜|만두)|고기(?!국수|만두|국밥|동)|한우|정육|목살|항정|대패|막창|곱창|대창|불고기|냉삼|생삼|화로구이|족발|보쌈|육회|돼지구이",
    "건강식": r"샐러드|본죽|죽이야기|[가-힣]죽(?=$|[\s&(])|비건|채식|포케|월남쌈|보리밥|산채|곤드레|쌈밥|두부마을|순두부(?!찌개라면)|샤브",
    "한식": r"국밥|찌개|백반|해장국|비빔밥|칼국수|막국수|냉면|설렁탕|곰탕|감자탕|순두부|추어탕|삼계탕|정식|한정식|밥상|밥집|식당|닭갈비|닭발|찜닭|닭볶음탕|국수|수제비|순대국|도시락",
}
_MENU = {
    "치킨": r"치킨(?!마요|카레|까스|가스|너겟|버거|랩|샐러드|무$|스테이크|커틀|볼|샌드|덮밥|텐더|토스트|또띠)|통닭|닭강정|파닭|후라이드(?!포테)",
    "피자": r"피자(?!빵|토스트|돈)",
    "패스트푸드": r"버거(?!스테이크)|토스트|샌드위치|핫도그",
    "분식": r"김밥|떡볶이|떡볶기|라볶이|쫄면|라면|(?<!족)순대(?!국)|모[둠듬]튀김|만두(?!전골|국$)",
    "중식": r"짜장|자장|짬뽕|탕수육|깐풍|마라탕",
    "일식": r"돈까스|돈가스|돈카츠|카츠|까츠|초밥|우동|라멘|가츠동|규동|텐동|메밀소바",
    "양식": r"파스타|스파게티|리조또|함박|오므라이스|필라프|스테이크",
    "고기": r"삼겹|(?<!닭)갈비(?!탕|찜|만두|덮밥|정식|국)|목살|항정|대패|막창|곱창|불고기(?!버거|피자|덮밥|김밥)|차돌박이(?!된장)|등심\(|한우|육회(?!비빔)|보쌈|족발",
    "건강식": r"샐러드|(?:호박|전복|야채|팥|잣|깨|녹두|닭|소고기)죽|보리밥|산채|나물|곤드레|쌈밥|두부정식|월남쌈|포케",
}
_GENERIC_MENU = {
    "카페": r"아메리카노|커피|라떼|에스프레소|에이드|스무디|요거트|빙수|차\(",
    "베이커리": r"빵|도넛|도너츠|베이글|꽈배기|케이크|소보루|마카롱|쿠키",
    "한식": r"국밥|찌개|백반|해장국|비빔밥|칼국수|막국수|냉면|탕$|정식|국수|찜닭|닭갈비|제육|볶음밥|덮밥",
}
_NAMES = {kind: re.compile(p, re.IGNORECASE) for kind, p in _NAME.items()}
_MENUS = {kind: re.compile(p, re.IGNORECASE) for kind, p in _MENU.items()}
_GENERIC_MENUS = {kind: re.compile(p, re.IGNORECASE) for kind, p in _GENERIC_MENU.items()}
_NOT_CHICKEN = re.compile(r"닭(?:갈비|발|곰탕|꼬치|볶음탕|한마리|칼국수|개장)")
_OVERRIDES_KOREAN = (
    "편의점",
    "치킨",
    "피자",
    "패스트푸드",
    "분식",
    "중식",
    "일식",
    "양식",
    "베이커리",
    "카페",
)
_BRANCH = re.compile(r"[\s(]\S*점\)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """`category` is the main trade, `tags` every category the shop fits, the main one included."""

    category: str
    tags: tuple[str, ...]


def raw_category(raw: str) -> str:
    """Return the category of a list's trade name; GENERIC where it says nothing (일반대중음식, 마트·식품).

    >>> [raw_category(r) for r in ("한식_육류", "제과점", "기타외식(분식)", "일반대중음식", "치킨")]
    ['한식', '베이커리', '분식', '기타', '치킨']
    """
    text = raw.strip()
    if text in _RAW:
        return _RAW[text]
    head, _, detail = text.partition("_")
    inner = re.search(r"\(([^)]*)\)", text)
    for part in (detail, inner[1] if inner else "", head):
        if part in _RAW:
            return _RAW[part]
    return GENERIC


def kinds(name: str, raw: str, menus: Iterable[str]) -> Kinds:
    """Return what a shop is, by its name, a list's trade name and its menus.

    >>> kinds("쌍둥이네통닭", "한식", []).category, kinds("명동닭갈비", "한식", []).tags
    ('치킨', ('한식',))
    >>> kinds("시골집", "한식_육류", ["삼겹살(200g)"]).tags
    ('한식', '고기')
    """
    menus = list(menus)
    named = _matches(_NAMES, _without_branch(name))
    served = {k for m in menus for k in _matches(_MENUS, m)}
    base = raw_category(raw)
    if base == GENERIC:
        generic = {k for m in menus for k in _matches(_GENERIC_MENUS, m)}
        main = _first(named) or _first(served) or _first(generic) or GENERIC
        served |= generic
    else:
        main = base
        if base == "한식":
            main = next((k for k in _OVERRIDES_KOREAN if k in named), base)
            if main in ("중식", "일식", "양식") and "한식" in named:
                main = base
    found = {main, *named, *served} | ({base} if base != GENERIC else set())
    if raw.endswith("육류"):
        found.add("고기")
    return Kinds(category=main, tags=tuple(c for c in CATEGORIES if c in found))


def _matches(patterns: dict[str, re.Pattern[str]], text: str) -> set[str]:
    found = {kind for kind, pattern in patterns.items() if pattern.search(text)}
    if "치킨" in found and not patterns["치킨"].search(_NOT_CHICKEN.sub(" ", text)):
        found.discard("치킨")
    return found


def _without_branch(name: str) -> str:
    """Return a name without its branch: 교촌치킨 카페거리점 is no café."""
    return _BRANCH.sub("", name) or name


def _first(found: set[str]) -> str | None:
    return next((k for k in _NAME if k in found), None)
