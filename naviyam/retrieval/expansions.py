"""What a child means by words that hardly stand on a menu: moods, temperatures, occasions, families of dishes.

Data and one look-up. A stem of two syllables or more counts wherever it stands in the squashed query, one of a
single syllable only as a morpheme. The longest stem takes its letters: 안매운 is not also 매운. A word that several
groups of stems name weighs as often: 짬뽕 is both 매콤 and 면.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from naviyam.text.clean import squash

_HOT = (
    "국밥 찌개 칼국수 우동 설렁탕 곰탕 순대국 해장국 갈비탕 육개장 삼계탕 전골 수제비 짬뽕 감자탕"
)
_COLD = "냉면 밀면 콩국수 막국수 물회 열무국수 빙수 메밀"
_CRISP = "돈까스 치킨 튀김 통닭 탕수육 프라이드치킨 카츠 빈대떡 전병"
_SPICY = "떡볶이 짬뽕 닭갈비 낙지볶음 제육볶음 제육 주꾸미 아귀찜 오징어볶음 낙지 비빔국수 쫄면 얼큰 마라탕 닭발"
_SWEET = "케이크 베이커리 빙수 와플 도넛 단팥빵 꽈배기 마카롱 카페 아이스크림 타르트"
_FULL = "국밥 백반 정식 뷔페 한식뷔페 비빔밥 제육볶음 돈까스 갈비탕 순대국 쌈밥"
_QUICK = "김밥 토스트 국수 우동 라면 샌드위치 주먹밥 도시락 편의점 분식"
_HEALTHY = "건강식 쌈밥 보리밥 비빔밥 두부 샐러드 나물 청국장 샤브샤브 곤드레"
_TONIC = "삼계탕 장어 추어탕 백숙 오리 전복 갈비탕 염소 도가니탕"
_ILL = "죽 삼계탕 콩나물국밥 닭곰탕 갈비탕 설렁탕 곰탕"
_HOME = "백반 가정식 된장찌개 청국장 정식 보리밥 시골밥상 가정식백반"
_MILD = "돈까스 우동 설렁탕 곰탕 갈비탕 잔치국수 만두 김밥 짜장면 죽 불고기"
_FEAST = "돼지갈비 갈비 한정식 샤브샤브 초밥 뷔페 파스타 피자 한우 스테이크 양식"
_SHARED = "피자 치킨 족발 보쌈 닭갈비 통닭 탕수육 떡볶이 찜닭"
_ELDER = "한정식 정식 설렁탕 곰탕 갈비탕 추어탕 두부 청국장 보리밥 쌈밥"
_SNACK = "떡볶이 토스트 분식 핫도그 꽈배기 도넛 와플 김밥 만두 튀김 빵 베이커리"
_NIGHT = "치킨 통닭 족발 보쌈 피자 떡볶이 닭발"
_MORNING = "백반 해장국 콩나물국밥 김밥 토스트 죽 북어 황태"
_PANCAKE = "부침 파전 빈대떡 전병 감자전 메밀부침 칼국수 수제비"
_HANGOVER = "해장국 콩나물국밥 황태 북어 선지 우거지 재첩 올갱이 다슬기 복국"
_SOUR = "냉면 쫄면 비빔국수 물회 회덮밥 밀면 막국수 열무국수"
_PLAIN = "두부 생선구이 곰탕 콩나물국밥 샤브샤브 비빔밥 보리밥 칼국수 국수 삼계탕"
_PICNIC = "도시락 김밥 유부초밥 주먹밥 샌드위치"
_ALONE = "김밥 덮밥 국밥 우동 돈까스 비빔밥 짜장면 라면"
_NOODLES = "국수 칼국수 라면 우동 냉면 짜장면 짬뽕 밀면 막국수 쫄면 비빔국수 잔치국수"
_FISH = "고등어 갈치 조기 삼치 코다리 생선구이 동태 가자미 대구 회"
_SEAFOOD = "조개 낙지 오징어 새우 굴 게장 물회 주꾸미 바지락 꽃게 해물탕 해물 회"
_CHICKEN = "치킨 통닭 삼계탕 닭갈비 백숙 찜닭 닭볶음탕 닭곰탕 닭강정"
_MEAT = "삼겹살 돼지갈비 갈비 불고기 목살 등심 제육볶음"
_BEEF = "한우 차돌 등심 육회 불고기 소갈비"
_PORK = "삼겹살 돼지갈비 제육볶음 족발 보쌈 목살"

_STEMS: Mapping[str, str] = {
    "국물 뜨끈 뜨거 따뜻 따끈 뜨듯 추워 추울 추운 쌀쌀": _HOT,
    "시원 차가 차갑 더워 더울 더운 얼음": _COLD,
    "바삭 바싹 겉바속촉 크리스피": _CRISP,
    "매콤 매운 매워 칼칼 화끈 맵": _SPICY,
    "얼큰": "짬뽕 육개장 매운탕 감자탕 해장국 부대찌개 동태탕 순두부 추어탕 김치찌개",
    "달달 달콤 단거 당충전 디저트 후식": _SWEET,
    "새콤 상큼 입맛": _SOUR,
    "고소": "콩국수 들깨 두부 청국장 순두부 비지",
    "담백 슴슴 깔끔": _PLAIN,
    "순한 순하 안매운 안매워 안맵 매운거못 매운걸못": _MILD,
    "국물없 국물말": "덮밥 비빔밥 볶음밥 김밥 돈까스",
    "고기없 고기안 고기말": "비빔밥 보리밥 두부 나물 청국장",
    "쫄깃 쫀득 면발": "칼국수 냉면 쫄면 밀면 수제비 우동 국수",
    "부드러 부드럽 말랑": "죽 순두부 두부 연두부 카스테라",
    "든든 배부르 배터 푸짐 많이주 양많 배불": _FULL,
    "무한리필 무한": "뷔페 한식뷔페 부페",
    "간단 가볍 때울 빨리 급하 금방": _QUICK,
    "건강 몸에좋 다이어트 채소 야채": _HEALTHY,
    "보양 힘나 기운 몸보신 원기": _TONIC,
    "감기 몸살 목아 속이안 소화": _ILL,
    "해장 속풀 속이풀": _HANGOVER,
    "집밥 할머니 할매 엄마손 가정식": _HOME,
    "반찬": "백반 정식 한정식 쌈밥 보리밥",
    "부침 비오 장마 비가오": _PANCAKE,
    "생일 외식 가족 기념 축하 졸업": _FEAST,
    "간식 출출 군것질": _SNACK,
    "혼자 혼밥": _ALONE,
    "아침": _MORNING,
    "야식 심야": _NIGHT,
    "저녁": "백반 정식 국밥 찌개",
    "점심": "백반 김밥 국수 덮밥 정식",
    "할아버지 어르신 부모님": _ELDER,
    "소풍 피크닉 나들이": _PICNIC,
    "여럿 나눠 나누 다같이 파티 친구들": _SHARED,
    "생선 물고기": _FISH,
    "해산물 해물": _SEAFOOD,
    "닭 닭고기": _CHICKEN,
    "고기": _MEAT,
    "소고기 쇠고기": _BEEF,
    "돼지고기": _PORK,
    "면": _NOODLES,
    "밥": "백반 비빔밥 덮밥 국밥 볶음밥 정식",
    "탕": "설렁탕 곰탕 갈비탕 감자탕 삼계탕 추어탕",
    "덮밥": "회덮밥 제육덮밥 오징어덮밥 가츠동 규동",
    "쌈": "쌈밥 보쌈 우렁쌈밥",
    "빵": "베이커리 제과 단팥빵 카스테라",
    "치즈": "치즈 피자 치즈돈까스",
    "중국집": "중식 짜장면 짬뽕",
    "튀김": "돈까스 치킨 분식",
}  # fmt: skip

MEANT: Mapping[str, tuple[str, ...]] = {
    stem: tuple(meant.split()) for stems, meant in _STEMS.items() for stem in stems.split()
}
"""Stem in the squashed spelling -> words that stand on menus and among kinds of shop."""


LONG_STEMS = sorted((stem for stem in MEANT if len(stem) > 1), key=lambda s: (-len(s), s))
"""Stems of two syllables and more, the longest first."""


def meant_words(query: str, morphemes: Iterable[str]) -> Counter[str]:
    """Return the words meant by a query, and how many groups of its stems mean each.

    >>> meant_words("매콤한 면", ("매콤하", "면"))["짬뽕"]
    2
    """
    plain, alone = squash(query), frozenset(morphemes)
    groups = {m: None for stem, m in MEANT.items() if len(stem) == 1 and stem in alone}
    for stem in LONG_STEMS:
        if stem in plain:
            groups[MEANT[stem]] = None
            plain = plain.replace(stem, " ")
    return Counter(word for meant in groups for word in meant)
