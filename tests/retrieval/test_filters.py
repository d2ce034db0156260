"""The vectorised mask against a reading of the rules shop by shop, and the rules one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from naviyam.catalog.types import MealCard
from naviyam.request import CATEGORIES, Filters, RequestContext, UserProfile
from naviyam.retrieval import words
from naviyam.retrieval.filters import (
    candidate_mask,
    fitting_menus,
    food_table,
    menu_allowed,
    with_allergies,
)
from naviyam.text.clean import squash

wishes = st.builds(
    Filters,
    category=st.sampled_from([None, None, "중식", "분식", "한식"]),
    food_type=st.sampled_from([None, None, None, "짜장면", "김밥", "김치찌개", "빙수"]),
    budget_max=st.sampled_from([None, 3_000, 5_000, 10_000]),
    payment_method=st.sampled_from([None, "meal_card"]),
    open_now=st.sampled_from([None, True]),
    dietary=st.lists(
        st.sampled_from(
            ["healthy", "not_spicy", "vegetarian", "allergy:새우", "allergy:땅콩", "allergy:우유", "allergy:닭"]
        ),
        unique=True, max_size=2,
    ).map(tuple),
    is_good_influence_shop=st.sampled_from([None, None, True]),
    exclude=st.lists(st.sampled_from(["치킨", "떡볶이", "s003", "라면"]), unique=True, max_size=2).map(tuple),
)  # fmt: skip


def named(name, forms):
    return any(form in name for form in forms)


def grants(catalog, row, filters, state, distance):
    """Return whether the shop fits, by the rules as written, menu by menu."""
    shop, menus, name = catalog.shop(row), catalog.menus(row), squash(catalog.names[row])
    allowed = [m for m in menus if menu_allowed(m, filters)]
    maybe = not menus and filters.budget_max is None
    ok = not shop.serves_alcohol_mainly and distance[row] <= 1_500 and bool(allowed or maybe)
    if filters.payment_method:
        ok &= shop.meal_card is MealCard.YES
    if filters.category:
        ok &= filters.category in shop.tags
    if filters.open_now:
        ok &= state[row] != 0
    if filters.is_good_influence_shop:
        ok &= shop.is_good_influence_shop
    if filters.food_type:
        forms = words.dish_forms(filters.food_type)
        sold = any(named(squash(m.name), forms) for m in menus)
        ok &= any(named(squash(m.name), forms) for m in allowed) if sold else named(name, forms)
    for food in filters.allergies:
        ok &= not named(name, words.allergy_forms(food))
        ok &= bool(menus) or shop.category not in words.ALLERGY_KINDS.get(
            words.allergy_key(food), ()
        )
    if "not_spicy" in filters.dietary and not menus:
        ok &= not named(name, words.SPICY)
    if "vegetarian" in filters.dietary and not menus:
        ok &= not named(name, words.MEAT) and shop.category not in words.MEAT_KINDS
    if "healthy" in filters.dietary:
        ok &= any(named(squash(t), words.HEALTHY) for t in (name, *(m.name for m in menus)))
    for item in filters.exclude:
        ok &= item != shop.shop_id and item not in shop.tags
        ok &= item in CATEGORIES or not named(name, words.dish_forms(item))
    return bool(ok)


@pytest.mark.slow
@hypothesis_settings(max_examples=150, deadline=None)
@given(filters=wishes)
def test_mask_is_the_rules_shop_by_shop(town_catalog, settings, kit, filters):
    context = RequestContext(time=kit.now)
    mask = candidate_mask(filters, context, kit.here, town_catalog, settings)
    state = town_catalog.open_now(kit.now)
    distance = town_catalog.distance_m(kit.here.latitude, kit.here.longitude)
    expected = [grants(town_catalog, r, filters, state, distance) for r in range(town_catalog.size)]
    assert mask.tolist() == expected


@pytest.fixture
def mask_of(make_catalog, settings, kit):
    def compute(shops, menus, **filters):
        catalog = make_catalog(shops, menus)
        return candidate_mask(
            Filters(**filters), RequestContext(time=kit.now), kit.here, catalog, settings
        ).tolist()

    return compute


def test_one_menu_must_grant_all_wishes_at_once(mask_of, kit):
    shops = [kit.shop("a", "가네"), kit.shop("b", "나네")]
    menus = [
        kit.menu("a", "새우튀김", 3_000), kit.menu("a", "우동", 8_000, 1),
        kit.menu("b", "새우튀김", 3_000), kit.menu("b", "우동", 4_000, 1),
    ]  # fmt: skip
    assert mask_of(shops, menus, budget_max=5_000, dietary=("allergy:새우",)) == [False, True]


def test_the_dish_itself_must_be_within_the_budget(mask_of, kit):
    shops = [kit.shop("a", "명동칼국수"), kit.shop("b", "나네칼국수")]
    menus = [
        kit.menu("a", "칼국수", 8_000), kit.menu("a", "만두", 3_000, 1), kit.menu("b", "만두", 3_000),
    ]  # fmt: skip
    assert mask_of(shops, menus, food_type="칼국수", budget_max=5_000) == [False, True]


def test_unknown_is_not_no_but_no_price_is_no_budget(mask_of, kit):
    shops = [kit.shop("a", "가네", meal_card=MealCard.UNKNOWN)]
    assert mask_of(shops, [], open_now=True) == [True]
    assert mask_of(shops, [], dietary=("allergy:땅콩",)) == [True]
    assert mask_of(shops, [], payment_method="meal_card") == [False]
    assert mask_of(shops, [], budget_max=10_000) == [False]
    assert mask_of(shops, [kit.menu("a", "밥", 0)], budget_max=10_000) == [False]


def test_an_allergy_knows_other_names_and_stated_allergens(mask_of, kit):
    shops = [kit.shop(i, f"{i}네") for i in "abcd"] + [kit.shop("e", "피넛하우스")]
    menus = [
        kit.menu("a", "피넛쿠키"), kit.menu("b", "호떡", allergens=("땅콩", "밀")),
        kit.menu("c", "땅콩빵"), kit.menu("c", "찐빵", number=1), kit.menu("d", "떡국"),
    ]  # fmt: skip
    assert mask_of(shops, menus, dietary=("allergy:땅콩",)) == [False, False, True, True, False]


def test_short_allergy_words_are_found_anywhere_in_a_name(mask_of, kit):
    shops = [kit.shop("a", "가네"), kit.shop("b", "나네")]
    menus = [kit.menu("a", "굴국밥"), kit.menu("b", "콩나물국밥")]
    assert mask_of(shops, menus, dietary=("allergy:굴",)) == [False, True]


def test_a_dish_of_one_syllable_must_end_the_name(mask_of, kit):
    shops = [kit.shop("a", "가네"), kit.shop("b", "죽도횟집")]
    assert mask_of(shops, [kit.menu("a", "전복죽"), kit.menu("b", "물회")], food_type="죽") == [
        True,
        False,
    ]


def test_nothing_is_offered_where_all_is_sold_out(mask_of, kit):
    menus = [kit.menu("a", "김밥", is_sold_out=True)]
    assert mask_of([kit.shop("a", "가네")], menus) == [False]


def test_menus_shown_grant_the_wishes_and_the_dish_comes_first(kit):
    menus = [
        kit.menu("a", "라면", 4_000), kit.menu("a", "치즈김밥", 4_500, 1), kit.menu("a", "김밥", 3_000, 2),
        kit.menu("a", "돈까스", 9_000, 3), kit.menu("a", "떡볶이", 3_500, 4), kit.menu("a", "공기밥", 0, 5),
    ]  # fmt: skip
    wish = Filters(food_type="김밥", budget_max=5_000, dietary=("allergy:우유", "not_spicy"))
    assert [m.name for m in fitting_menus(menus, wish)] == ["김밥", "라면"]
    assert fitting_menus(menus, Filters(exclude=("라면", "떡볶이")))[0].name == "치즈김밥"


def test_allergies_of_the_profile_hold_with_consent_only():
    known = UserProfile(user_id="u", dietary=("allergy:새우", "healthy"))
    assert with_allergies(Filters(), known).dietary == ("allergy:새우",)
    assert (
        with_allergies(Filters(), UserProfile(user_id="u", consent=False, dietary=("allergy:게",)))
        == Filters()
    )


def test_food_table_lines_are_the_menus(town_catalog):
    foods = food_table(town_catalog)
    assert foods is food_table(town_catalog)
    names = [
        line
        for row in range(town_catalog.size)
        for line in town_catalog.normalised(row).split("\n")
    ]
    for needle in ("김밥", "짜장", "없는음식"):
        assert foods.find([needle]).tolist() == [
            i for i, name in enumerate(names) if needle in name
        ]
    assert foods.price.sum() == sum(
        m.price_won for r in range(town_catalog.size) for m in town_catalog.menus(r)
    )
    assert np.flatnonzero(foods.is_name).size == town_catalog.size


def test_a_drink_answers_only_who_asks_for_one(mask_of, kit):
    shops = [kit.shop("a", "콩다방", category="카페"), kit.shop("b", "나네")]
    menus = [
        kit.menu("a", "아메리카노(ICE)", 2_000), kit.menu("b", "비빔밥", 4_500), kit.menu("b", "콜라", 1_500, 1),
    ]  # fmt: skip
    assert mask_of(shops, menus) == [False, True]
    assert mask_of(shops, menus, budget_max=5_000) == [False, True]
    assert mask_of(shops, menus, budget_max=2_000) == [False, False]
    assert mask_of(shops, menus, category="카페", budget_max=5_000) == [True, False]
    assert mask_of(shops, menus, food_type="아메리카노") == [True, False]
