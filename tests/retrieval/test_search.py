import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.errors import ArtifactError, NotFoundError, StaleVersionError
from naviyam.request import UserProfile
from naviyam.retrieval.filters import NO, with_allergies
from naviyam.retrieval.index import Index
from naviyam.retrieval.scope import Scoper, shared_scoper
from naviyam.retrieval.search import HybridRetriever
from naviyam.settings import Settings

SHOPS = Path(__file__).parents[3] / "shared" / "data" / "shops" / "shops.csv.gz"


@pytest.fixture
def names_of(make_catalog, settings):
    """Scope of a small catalogue: the names in it, and what was loosened."""

    def compute(shops, menus, request):
        catalog = make_catalog(shops, menus)
        scope = Scoper(catalog, settings.places).scope(request)
        return [catalog.names[row] for row in scope.rows], scope.relaxed

    return compute


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    query=st.sampled_from(["", "매콤한 떡볶이", "뜨끈한 국물", "ㅋㅋㅋ", "chicken", "\x00?"]),
    category=st.sampled_from([None, "중식", "분식"]),
    payment=st.sampled_from([None, "meal_card"]),
    open_now=st.sampled_from([None, True]),
    dietary=st.sampled_from([(), ("allergy:우유",), ("not_spicy",)]),
    sort=st.sampled_from([None, "cheapest", "nearest", "popular", "highest_rated"]),
    top_k=st.integers(1, 30),
    placed=st.booleans(),
)
def test_all_that_fits_comes_and_only_that(
    retriever,
    settings,
    town_catalog,
    kit,
    query,
    category,
    payment,
    open_now,
    dietary,
    sort,
    top_k,
    placed,
):
    request = kit.ask(
        query, category=category, payment_method=payment, open_now=open_now, dietary=dietary, sort=sort,
        top_k=top_k, place=kit.here if placed else None,
    )  # fmt: skip
    scope = shared_scoper(town_catalog, settings.places).scope(request)
    found = retriever.search(request)
    assert len(found.rows) == min(top_k, len(scope.rows))
    assert scope.mask[found.rows].all()
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()
    tiers = scope.tier[found.rows]
    assert (np.diff(tiers.astype(int)) >= 0).all()
    assert np.sort(scope.tier[scope.rows])[:top_k].tolist() == tiers.tolist()
    assert not town_catalog.alcohol[found.rows].any()
    if payment:
        assert (town_catalog.meal_card[found.rows] != NO).all()


def test_radius_widens_until_enough_and_says_so(names_of, kit):
    shops = [
        kit.shop(f"s{i}", f"가네{i}", metres=m)
        for i, m in enumerate((500, 2_500, 2_800, 5_000, 90_000))
    ]
    assert names_of(shops, [], kit.ask()) == (["가네0", "가네1", "가네2"], ("location",))
    assert names_of(shops[:3] * 1, [], kit.ask(place=None))[1] == ()


def test_unknown_cards_only_where_no_card_is_known_to_work(names_of, kit):
    yes = kit.shop("a", "되는집", meal_card=MealCard.YES, metres=4_000)
    unknown = kit.shop("b", "모르는집")
    no = kit.shop("c", "안되는집", meal_card=MealCard.NO)
    ask = kit.ask(payment_method="meal_card")
    assert names_of([yes, unknown, no], [], ask) == (["되는집"], ("location",))
    assert names_of([unknown, no], [], ask) == (["모르는집"], ("payment_method",))
    assert names_of([no], [], ask) == ([], ())


def test_a_near_shop_of_the_kind_stands_in_for_a_far_dish(make_catalog, settings, kit):
    shops = [
        kit.shop("a", "먼짜장", metres=4_000, category="중식"),
        kit.shop("b", "북경반점", category="중식"),
        kit.shop("c", "왕만두", category="중식"),
        kit.shop("d", "행복분식", category="분식"),
    ]
    catalog = make_catalog(shops, [kit.menu("c", "만두")])
    scope = Scoper(catalog, settings.places).scope(kit.ask(food_type="짜장면"))
    assert [catalog.names[r] for r in scope.rows] == ["북경반점"]
    assert scope.relaxed == ("food_type",)
    assert scope.tier[scope.rows].tolist() == [1]


def test_a_dish_is_loosened_to_its_kind_last(names_of, kit):
    shops = [kit.shop("a", "멋진일식", category="일식"), kit.shop("b", "행복분식", category="분식")]
    assert names_of(shops, [], kit.ask(food_type="초밥")) == (["멋진일식"], ("food_type",))


def test_the_district_is_the_last_place(names_of, kit):
    shops = [
        kit.shop("a", "먼집", metres=9_000, category="분식"), kit.shop("b", "가까운치킨", category="치킨"),
        kit.shop("c", "딴군분식", metres=8_000, category="분식", sigungu="홍천군"),
    ]  # fmt: skip
    assert names_of(shops, [], kit.ask(category="분식")) == (["먼집"], ("location",))


def test_shown_shops_come_again_only_when_there_is_nothing_new(names_of, kit):
    shops = [kit.shop("a", "가네"), kit.shop("b", "나네")]
    assert names_of(shops, [], kit.ask(shown=["a", "gone"])) == (["나네"], ())
    assert names_of(shops, [], kit.ask(shown=["a", "b"])) == (["가네", "나네"], ("shown",))


def test_never_loosened(names_of, kit):
    shops = [
        kit.shop("a", "통닭집", category="치킨"),
        kit.shop("b", "술집", serves_alcohol_mainly=True),
    ]
    menus = [kit.menu("a", "통닭", 9_000)]
    for wish in (
        {"category": "피자"}, {"budget_max": 5_000}, {"dietary": ("allergy:닭고기",)}, {"exclude": ("치킨",)},
    ):  # fmt: skip
        assert names_of(shops, menus, kit.ask(**wish)) == ([], ())


def test_profile_allergies_and_district_hold_without_being_said(make_catalog, settings, kit):
    shops = [
        kit.shop("a", "새우깡집"), kit.shop("b", "나네"), kit.shop("c", "서울집", sigungu="관악구"),
    ]  # fmt: skip
    catalog = make_catalog(shops)
    profile = UserProfile(user_id="u", district="춘천시", dietary=("allergy:새우",))
    request = kit.ask(place=None, profile=profile)
    scope = Scoper(catalog, settings.places).scope(request)
    assert [catalog.names[r] for r in scope.rows] == ["나네"]
    assert with_allergies(request.filters, profile).allergies == ("새우",)


def test_what_is_assumed_comes_after_what_is_known(retriever, town_catalog, kit):
    found = retriever.search(kit.ask("맛있는 거", open_now=True, place=None, top_k=120))
    states = town_catalog.open_now(kit.now)[found.rows]
    assert 0 not in states
    assert (np.diff(states.astype(int)) <= 0).all()
    assert set(states) == {1, -1}


def test_relaxed_tells_what_no_one_knows(names_of, kit):
    shops = [kit.shop("a", "가네")]
    ask = kit.ask(open_now=True, dietary=("not_spicy",), atmosphere="조용한")
    assert names_of(shops, [], ask)[1] == ("open_now:unknown", "dietary:unknown", "atmosphere")


def test_nothing_fits_is_explained_by_one_wish(make_catalog, settings, kit):
    shops = [
        kit.shop("a", "가네분식", category="분식"),
        kit.shop("b", "먼치킨", category="치킨", metres=5_000),
    ]
    menus = [
        kit.menu("a", "김밥", 6_500),
        kit.menu("a", "라면", 7_000, 1),
        kit.menu("b", "통닭", 4_000),
    ]
    scoper = Scoper(make_catalog(shops, menus), settings.places)
    ask = kit.ask(category="분식", budget_max=5_000)
    assert len(scoper.scope(ask).rows) == 0
    assert scoper.explain_nothing(ask) == ("budget_max:6500", "category")
    assert scoper.explain_nothing(kit.ask(category="분식")) == ()
    dish = kit.ask(food_type="라면", category="분식", budget_max=5_000)
    assert scoper.explain_nothing(dish)[0] == "budget_max:7000"
    assert scoper.explain_nothing(
        kit.ask(category="분식", dietary=("allergy:김밥", "allergy:라면"))
    ) == ("category",)


def test_sort_leads(retriever, town_catalog, kit):
    cheap = retriever.search(
        kit.ask("맛있는 거", sort="cheapest", budget_max=10_000, place=None, top_k=5)
    )
    prices = town_catalog.min_price[cheap.rows]
    fitting = (town_catalog.min_price > 0) & ~town_catalog.alcohol
    assert prices.tolist() == np.sort(town_catalog.min_price[fitting])[:5].tolist()
    unknown_last = retriever.search(kit.ask("", sort="highest_rated", top_k=30))
    ratings = np.nan_to_num(town_catalog.rating[unknown_last.rows], nan=-1.0)
    assert (np.diff(ratings) <= 0).all()
    near = retriever.search(kit.ask("", sort="nearest", top_k=5))
    distance = town_catalog.distance_m(kit.here.latitude, kit.here.longitude)[near.rows]
    assert (np.diff(distance) >= 0).all()


def test_versions_must_agree(retriever, town_catalog, make_catalog, encoder, settings, kit):
    with pytest.raises(StaleVersionError, match="v0"):
        retriever.search(kit.ask(version="v0"))
    other = make_catalog([kit.shop("a", "가게")], version="v2")
    index = Index.build(town_catalog, encoder, settings.retrieval)
    with pytest.raises(ArtifactError, match="'v1', this is 'v2'"):
        HybridRetriever(other, index, encoder, settings)


def test_empty_catalogue_answers_nothing(make_catalog, encoder, settings, kit):
    catalog = make_catalog([])
    index = Index.build(catalog, encoder, settings.retrieval)
    found = HybridRetriever(catalog, index, encoder, settings).search(kit.ask("치킨"))
    assert len(found.rows) == 0


def test_one_scope_is_computed_once(make_catalog, settings, kit, monkeypatch):
    scoper = Scoper(make_catalog([kit.shop("a", "가네")]), settings.places)
    assert scoper.scope(kit.ask("밥")) is scoper.scope(kit.ask("빵"))
    assert scoper.scope(kit.ask("밥")) is not scoper.scope(kit.ask("밥", open_now=True))


def real_shops():
    others = {"일반대중음식": "기타", "제과": "베이커리", "마트·식품": "편의점"}
    shops, menus = [], []
    with gzip.open(SHOPS, "rt", encoding="utf-8") as lines:
        for r in csv.DictReader(lines):
            if r["sigungu"] != "춘천시":
                continue
            category = others.get(r["category"], r["category"])
            fried = ("치킨",) if "치킨" in r["name"] or "통닭" in r["name"] else ()
            shops.append(
                Shop(
                    shop_id=r["shop_id"], name=r["name"], category=category, tags=(category, *fried),
                    sido=r["sido"], sigungu=r["sigungu"], latitude=float(r["lat"]), longitude=float(r["lng"]),
                    meal_card=MealCard(r["meal_card"]),
                )
            )  # fmt: skip
            menus += [
                Menu(
                    menu_id=f"{r['shop_id']}-{i}",
                    shop_id=r["shop_id"],
                    name=m["name"],
                    price_won=m["price"],
                )
                for i, m in enumerate(json.loads(r["menus"] or "[]"))
            ]
    return shops, menus


@pytest.mark.skipif(not SHOPS.exists(), reason="the public lists are not here")
def test_real_shops_of_a_dong(make_catalog, encoder, settings, kit):
    catalog = make_catalog(*real_shops())
    index = Index.build(catalog, encoder, settings.retrieval)
    search = HybridRetriever(catalog, index, encoder, settings).search

    def names(query, **filters):
        return [catalog.names[row] for row in search(kit.ask(query, **filters)).rows]

    chicken = search(kit.ask("치킨집", category="치킨", payment_method="meal_card"))
    assert len(chicken.rows) == 20
    assert (catalog.meal_card[chicken.rows] == 1).all()
    assert (catalog.distance_m(kit.here.latitude, kit.here.longitude)[chicken.rows] <= 1_500).all()
    assert all("떡볶이" in name for name in names("매콤한 떡볶이")[:3])
    assert "만리향" in names("짜장면", food_type="짜장면")[:3]
    soup = ("국밥", "탕", "국", "찌개")
    assert any(any(s in name for s in soup) for name in names("뜨끈한 국물")[:3])


def test_a_variant_weighs_otherwise_over_the_same_index_and_an_unknown_one_is_refused(
    town_catalog, encoder, kit
):
    variants = {"near": {"lexical_weight": 0.0, "dense_weight": 0.0, "near_weight": 1.0}}
    settings = Settings.parse({"retrieval": {"variants": variants}})
    index = Index.build(town_catalog, encoder, settings.retrieval)
    retriever = HybridRetriever(town_catalog, index, encoder, settings)
    request = kit.ask("매콤한 떡볶이", category="분식")
    near = retriever.search(replace(request, variant="near"))
    assert near.rows.tolist() != retriever.search(request).rows.tolist()
    plain = Settings.parse({"retrieval": variants["near"]})
    alike = HybridRetriever(town_catalog, index, encoder, plain).search(request)
    assert near.rows.tolist() == alike.rows.tolist()
    with pytest.raises(NotFoundError, match=r"retrieval\.variants has: near"):
        retriever.search(replace(request, variant="far"))
