"""Entities, shop names, follow-ups, the layer merge, and that nothing breaks the rules."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naviyam.conversation import Turns
from naviyam.nlu.resolve import refine_kind, resolve, shops_to_exclude
from naviyam.nlu.rules import RuleUnderstander
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Filters, Intent, Understanding

PLACES = ("관악구", "봉천동", "신림역", "효자동", "춘천시", "우동", "이천시")
SHOPS = (
    "맛있는치킨",
    "황금반점",
    "참맛김밥",
    "하루",
    "학교앞",
    "우리집",
    "치킨",
    "떡볶이집",
    "솔향",
    "오늘은",
    "대박",
)
RULES = RuleUnderstander(PLACES, SHOPS)


def card(rank: int, name: str, category: str, *prices: int) -> Recommendation:
    menus = tuple(ShownMenu(name=f"{name} 메뉴", price_won=p) for p in prices)
    return Recommendation(
        rank=rank, shop_id=f"s{rank}", name=name, category=category, address="", menus=menus
    )


def after(filters: Filters, *shown: Recommendation, place: str | None = None) -> Turns:
    before = Understanding(
        intent=Intent.FOOD_RECOMMENDATION, confidence=0.9, filters=filters, semantic_query="치킨"
    )
    return Turns(
        last_understanding=before,
        last_shown=shown,
        filters=filters,
        shown_before=("s9",),
        place=place,
    )


TURNS = after(
    Filters(category="치킨", payment_method="meal_card", dietary=("allergy:땅콩",)),
    card(1, "춘천닭집", "치킨", 9_000, 16_000),
    card(2, "달빛피자", "피자", 8_000),
)


def wish(text: str, turns: Turns = TURNS) -> Understanding:
    return resolve(RULES.understand(text, turns), turns)


def test_entities_index_the_original_text() -> None:
    text = "  음ㅋㅋㅋㅋㅋ  만원으로   치킨 먹을 수 있는 곳 있어?"
    found = {e.entity: text[e.start : e.end] for e in RULES.understand(text, Turns()).entities}
    assert found == {"budget_max": "만원", "category": "치킨"}


def test_entities_survive_decomposed_text() -> None:
    text = "\u110e\u1175\u110f\u1175\u11ab 먹고 싶어"
    (entity,) = RULES.understand(text, Turns()).entities
    assert (entity.value, entity.start, entity.end) == ("치킨", 0, 5)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("맛있는치킨 몇 시까지 해?", "맛있는치킨"),
        ("황금 반점 메뉴 뭐 있어?", "황금 반점"),
        ("교촌치킨 급식카드 돼?", "교촌치킨"),
        ("은하수반점 전화번호 알려줘", "은하수반점"),
        ("솔향 몇 시에 닫아?", "솔향"),
    ],
)
def test_shops_are_named(text: str, name: str) -> None:
    assert RULES.understand(text, Turns()).shop_name == name


@pytest.mark.parametrize(
    "text",
    [
        "하루 종일 놀았어 뭐 먹지", "오늘은 뭐 먹지", "우리집 근처 어디 있어?", "대박 맛있는 데 알려줘", "치킨 어디가 맛있어?", "떡볶이집 어디 있어?", "학교앞 분식 알려줘",
        "맛있는 치킨 추천해줘", "매운 치킨 어디 있어?",
    ],
)  # fmt: skip
def test_ordinary_words_are_no_shops(text: str) -> None:
    assert RULES.understand(text, Turns()).shop_name is None


def test_a_dish_is_not_a_place() -> None:
    assert RULES.understand("우동 맛집", Turns()).filters.to_dict() == {"food_type": "우동"}


def test_cheaper_goes_under_the_cheapest_price_shown_and_keeps_the_wish() -> None:
    got = wish("더 싼 데는?")
    assert got.intent is Intent.REFINE
    assert got.filters.budget_max == 7_900
    assert (got.filters.sort, got.filters.category) == ("cheapest", "치킨")
    assert got.filters.allergies == ("땅콩",)


def test_elsewhere_leaves_out_what_was_shown() -> None:
    got = wish("거기 말고 다른 데")
    assert refine_kind(got) == "elsewhere"
    assert shops_to_exclude(got, TURNS) == ("s9", "s1", "s2")
    assert got.filters.category == "치킨"


def test_a_new_food_replaces_the_old_and_an_unwanted_one_is_dropped() -> None:
    assert wish("그럼 피자는?").filters.category == "피자"
    got = wish("치킨 말고 다른 거")
    assert (got.filters.category, got.filters.exclude) == (None, ("치킨",))


def test_said_and_resolved_filters_stay_apart() -> None:
    said = RULES.understand("더 가까운 데", TURNS)
    assert said.filters.to_dict() == {"sort": "nearest"}
    assert resolve(said, TURNS).filters.payment_method == "meal_card"
    assert said.filters.to_dict() == {"sort": "nearest"}


def test_asking_what_is_open_keeps_the_money_and_the_card_but_not_the_food() -> None:
    turns = replace(TURNS, filters=replace(TURNS.filters, budget_max=10_000))
    got = wish("지금 열려 있어?", turns).filters
    assert (got.open_now, got.budget_max, got.payment_method) == (True, 10_000, "meal_card")
    assert got.category is None
    assert wish("지금 5천원으로 갈 수 있는 열린 곳", turns).filters.budget_max == 5_000


def test_a_new_search_keeps_allergies_the_place_and_the_card_but_not_the_rest() -> None:
    turns = replace(TURNS, place="관악구")
    got = wish("떡볶이 먹고 싶어", turns)
    assert got.filters.to_dict() == {
        "food_type": "떡볶이",
        "payment_method": "meal_card",
        "location": "관악구",
        "dietary": ["allergy:땅콩"],
    }


@pytest.mark.parametrize(
    "text",
    ["카드 없어도 되는데 떡볶이 먹고 싶어", "급식카드 안 돼도 돼 떡볶이 추천해줘", "현금으로 낼게 떡볶이집 알려줘", "급카 상관없이 떡볶이 추천"],
)  # fmt: skip
def test_the_card_ends_where_it_is_said_not_to_matter(text: str) -> None:
    assert RULES.understand(text, Turns()).filters.payment_method is None
    got = wish(text)
    assert (got.filters.payment_method, got.filters.food_type) == (None, "떡볶이")


@pytest.mark.parametrize(
    ("text", "rank", "name"),
    [
        ("1번 갈래", 1, "춘천닭집"),
        ("두 번째 거", 2, "달빛피자"),
        ("마지막 거로 할게", 2, "달빛피자"),
        ("아까 그 피자집 갈래", 2, "달빛피자"),
        ("달빛피자 갈래", 2, "달빛피자"),
        ("7번 갈래", 7, None),
    ],
)
def test_a_shop_is_selected(text: str, rank: int, name: str | None) -> None:
    got = wish(text)
    assert (got.intent, got.selection, got.shop_name) == (Intent.SELECT, rank, name)


def test_safety_decides_first_and_says_so() -> None:
    got = RULES.understand("집에 먹을 게 하나도 없어요 치킨 추천해줘", Turns())
    assert (got.intent, got.decided_by, got.filters) == (Intent.HELP_NEEDED, "safety", Filters())


def test_confidence_is_low_where_nothing_matched() -> None:
    assert RULES.understand("그건 좀 그래", Turns()).confidence < 0.5
    assert RULES.understand("만원 이하 치킨집 추천해줘", Turns()).confidence > 0.9


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("급식카드 되는 치킨집 추천해줘", "치킨집"),
        ("만원 이하로 관악구에서 자장면 먹을래", "짜장면"),
        ("뜨끈한 국물 먹고 싶다", "뜨끈한 국물"),
        ("치킨 말고 피자", "피자"),
    ],
)
def test_the_semantic_query_is_the_wish_alone(text: str, query: str) -> None:
    assert RULES.understand(text, Turns()).semantic_query == query


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["치킨", "만원", "말고", "관악구", "알레르기", "더", "싼", "친구", "셋이랑", "1번", "ㅋㅋㅋㅋ", "\u200d", "🍗", "은", " ", "죽", "12시", "자장면", "\ud7b0", "거기"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_mixture_gives_valid_json_and_offsets(parts: list[str]) -> None:
    text = "".join(parts)
    for turns in (Turns(), TURNS):
        got = RULES.understand(text, turns)
        for e in got.entities:
            assert 0 <= e.start < e.end <= len(text)
            assert text[e.start : e.end] == text[e.start : e.end].strip()
        assert 0 <= got.confidence <= 1
        assert Filters.from_dict(got.filters.to_dict()) == got.filters
        json.dumps(resolve(got, turns).to_dict(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("내동생이계란못먹는데빵집추천해줘", {"dietary": "계란", "category": "빵집", "companion": None}),
        ("신림역에서초밥먹고싶어요ㅋㅋㅋㅋ", {"location": "신림역", "food_type": "초밥"}),
        ("만오천원이하로둘이먹을피자", {"budget_max": "만오천원", "party_size": "둘이", "category": "피자"}),
    ],
)  # fmt: skip
def test_missing_spaces_are_read_and_offsets_stay(text: str, said: dict[str, str | None]) -> None:
    found = {e.entity: text[e.start : e.end] for e in RULES.understand(text, Turns()).entities}
    assert found == {k: v for k, v in said.items() if v is not None}


@pytest.mark.parametrize(
    ("text", "dish"),
    [("돈가쓰 먹고 싶어", "돈까스"), ("김치찌께 파는 데", "김치찌개"), ("떡뽂이 ㄱㄱ", "떡볶이"), ("샌드위취 먹을래", "샌드위치")],
)  # fmt: skip
def test_a_dish_is_known_though_a_key_is_wrong(text: str, dish: str) -> None:
    assert RULES.understand(text, Turns()).filters.food_type == dish


@pytest.mark.parametrize(
    ("text", "rank"),
    [("피자집으로 결정", 2), ("제일 싼 데로 갈래", 2), ("춘천닭집 갈래", 1), ("피자 추천해줘", None), ("초밥 먹으러 갈래", None)],
)  # fmt: skip
def test_a_shop_is_chosen_by_what_it_is(text: str, rank: int | None) -> None:
    got = wish(text)
    assert (got.selection, got.intent is Intent.SELECT) == (rank, rank is not None)


def test_a_long_hostile_message_costs_little() -> None:
    for text in (
        "가" * 500,
        "만 천 " * 120,
        "ㅅ 1" * 160,
        "친구 " * 160,
        "집에 " * 160,
        "씨 " * 250,
    ):
        start = time.process_time()
        RULES.understand(text, Turns())
        assert time.process_time() - start < 1.0, text[:8]


def test_who_joins_and_what_must_be_true_changes_a_wish_that_stands() -> None:
    assert wish("한 명 더 와서 셋이야").filters.party_size == 3
    assert wish("꿈나무카드 되는 데만").intent is Intent.REFINE
    assert wish("2번 메뉴 더 알려줘").intent is Intent.MENU_INQUIRY


@pytest.mark.parametrize(
    ("text", "intent", "filters"),
    [
        ("편의점 도시락 말고 밥집", "FOOD_RECOMMENDATION", {"exclude": ["편의점", "도시락"]}),
        ("비빔밥 고기 빼고", "FOOD_RECOMMENDATION", {"food_type": "비빔밥", "exclude": ["고기"]}),
        ("치킨 아니 피자 먹을래", "FOOD_RECOMMENDATION", {"category": "피자"}),
        ("비 오는데 뜨끈한 국물", "FOOD_RECOMMENDATION", {}),
        ("비 오니까 따뜻한 거", "FOOD_RECOMMENDATION", {}),
        ("오늘 비 와?", "OUT_OF_SCOPE", {}),
        ("pizza 먹고싶다", "FOOD_RECOMMENDATION", {"category": "피자"}),
        ("5k로 먹을 거", "BUDGET_FOOD_INQUIRY", {"budget_max": 5000}),
        ("버거킹 먹고 싶다", "FOOD_RECOMMENDATION", {}),
        ("버거킹 어디 있어", "SHOP_INQUIRY", {}),
        ("신림역 말고 봉천동에서 찾아줘", "FOOD_RECOMMENDATION", {"location": "봉천동"}),
        ("김치찌개 같은 거 먹고 싶어", "FOOD_RECOMMENDATION", {"food_type": "김치찌개"}),
        ("성수동 카페", "FOOD_RECOMMENDATION", {"category": "카페", "location": "성수동"}),
        ("연어동 먹고 싶어 성수동에서", "FOOD_RECOMMENDATION", {"location": "성수동"}),
        ("서울숲 근처 빵집", "FOOD_RECOMMENDATION", {"category": "베이커리", "location": "서울숲"}),
        ("춘천 온의동 국밥", "FOOD_RECOMMENDATION", {"food_type": "국밥", "location": "춘천 온의동"}),
        ("천원짜리 네장이랑 오백원 하나", "BUDGET_FOOD_INQUIRY", {"budget_max": 4500}),
        ("치킨 피자 빼고 추천", "FOOD_RECOMMENDATION", {"exclude": ["치킨", "피자"]}),
        ("오늘 급식 카레였어", "FOOD_RECOMMENDATION", {"food_type": "카레"}),
        ("급식카드로 빵 사도 돼?", "MEAL_CARD_INQUIRY", {"food_type": "빵", "payment_method": "meal_card"}),
        ("1번 말고", "REFINE", {}),
        ("첫번째집 메뉴판 ㄱㄱ", "MENU_INQUIRY", {}),
        ("1번 집 후기 좋아?", "SHOP_INQUIRY", {}),
        ("거기 애들 많이 가?", "SHOP_INQUIRY", {}),
        ("수학 3번 답 알려줘", "OUT_OF_SCOPE", {}),
        ("다이소 어디 있어", "OUT_OF_SCOPE", {}),
        ("뭔가 색다른 거 먹고 싶어", "FOOD_RECOMMENDATION", {}),
        ("계란 안돼요 김밥 추천", "FOOD_RECOMMENDATION", {"food_type": "김밥", "dietary": ["allergy:계란"]}),
    ],
)  # fmt: skip
def test_corrections_weather_and_other_ways_to_say_it(
    text: str, intent: str, filters: dict[str, object]
) -> None:
    got = RULES.understand(text, Turns())
    assert (got.intent.value, got.filters.to_dict()) == (intent, filters)
