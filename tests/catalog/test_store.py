import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.events import ORDER, VIEW, Events
from naviyam.catalog.figures import data_report
from naviyam.catalog.hours import every_day, to_json
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.clock import SEOUL
from naviyam.errors import ArtifactError, InputError
from naviyam.request import CATEGORIES, UserProfile

SHOPS = (
    Shop(shop_id="a", name="학교앞통닭", category="한식", tags=("치킨",), sigungu="춘천시", brand="꼬꼬", latitude=37.87,
         longitude=127.73, meal_card=MealCard.YES, hours=to_json(every_day((600, 1260))), rating=4.5, message="어서 와요"),
    Shop(shop_id="b", name="별빛포차", sigungu="관악구", serves_alcohol_mainly=True, meal_card=MealCard.NO),
)  # fmt: skip
MENUS = (
    Menu(menu_id="1", shop_id="a", name="생맥주", price_won=1_000),
    Menu(
        menu_id="2",
        shop_id="a",
        name="팔린 떡볶이",
        price_won=2_000,
        is_sold_out=True,
        is_best=True,
    ),
    Menu(menu_id="3", shop_id="a", name="후라이드", price_won=9_000, allergens=("밀",)),
    Menu(menu_id="4", shop_id="a", name="반 마리", price_won=5_000, is_best=True),
)
USERS = (
    UserProfile(user_id="u_1", age=12, district="춘천시", budget_won=8_000),
    UserProfile(user_id="u_2", age=9, consent=False),
)


def some_events() -> Events:
    return Events.from_rows([(0, 1, ORDER, 7_000.0, 200), (0, 0, VIEW, 1.0, 100)], simulated=True)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "v1"
    folder.mkdir()
    write_tables(folder, SHOPS, MENUS, USERS, some_events(), {"sources": ["test"]})
    return folder


def test_columns_and_values(version: Path) -> None:
    catalog = Catalog.load(version)
    assert (catalog.version, catalog.size, catalog.shop_ids) == ("v1", 2, ("a", "b"))
    assert catalog.category.tolist() == [CATEGORIES.index("한식"), CATEGORIES.index("기타")]
    assert catalog.tags[0] == 1 << CATEGORIES.index("한식") | 1 << CATEGORIES.index("치킨")
    assert catalog.meal_card.tolist() == [1, 2]
    assert catalog.alcohol.tolist() == [False, True]
    assert (catalog.min_price.tolist(), catalog.mean_price.tolist()) == ([5_000, 0], [7_000.0, 0.0])
    assert [catalog.districts[d] for d in catalog.district] == ["춘천시", "관악구"]
    assert catalog.brand.tolist() == [0, -1]
    assert catalog.simulated
    for name, dtype in (("latitude", "float32"), ("category", "int8"), ("tags", "uint16"), ("menu_count", "int16"),
                        ("view_count", "int32"), ("district", "int32"), ("hours_per_day", "float32")):  # fmt: skip
        assert getattr(catalog, name).dtype == dtype


def test_a_shop_comes_back_as_it_was_written(version: Path) -> None:
    shop = Catalog.load(version).shop(0)
    assert shop.name == "학교앞통닭"
    assert set(shop.tags) == {"한식", "치킨"}
    assert (shop.hours, shop.rating, shop.meal_card) == (SHOPS[0].hours, 4.5, MealCard.YES)
    assert shop.latitude == pytest.approx(37.87, abs=1e-5)
    assert Catalog.load(version).shop(1).latitude is None


def test_alcohol_is_never_among_the_menus_and_sold_out_comes_last(version: Path) -> None:
    catalog = Catalog.load(version)
    assert [m.name for m in catalog.menus(0)] == ["반 마리", "후라이드", "팔린 떡볶이"]
    assert catalog.menus(0)[1].allergens == ("밀",)
    assert catalog.menus(1) == ()
    assert "맥주" not in catalog.document(0) + catalog.normalised(0)
    assert "학교앞통닭" in catalog.normalised(0)


def test_distance_and_hours(version: Path) -> None:
    catalog = Catalog.load(version)
    distance = catalog.distance_m(37.87, 127.74)
    assert distance[0] == pytest.approx(878, abs=5)
    assert np.isinf(distance[1])
    noon = datetime(2026, 11, 20, 12, tzinfo=SEOUL)
    assert catalog.open_now(noon).tolist() == [1, -1]
    assert catalog.closes_at(0, noon) == "21:00"


def test_behavior_is_sorted_and_profiles_need_consent(version: Path) -> None:
    behavior = Behavior.load(version, Catalog.load(version))
    assert behavior.time.tolist() == [100, 200]
    assert behavior.shop.tolist() == [0, 1]
    assert behavior.simulated
    profile = behavior.profile("u_1")
    assert profile is not None
    assert (profile.age, profile.budget_won) == (12, 8_000)
    assert behavior.profile("u_2") == UserProfile(user_id="u_2", consent=False)
    assert behavior.profile("nobody") is None


def test_a_truncated_or_foreign_version_says_so(version: Path) -> None:
    card = json.loads((version / "card.json").read_text(encoding="utf-8"))
    (version / "card.json").write_text(json.dumps(card | {"schema": "0"}), encoding="utf-8")
    with pytest.raises(ArtifactError, match="schema"):
        Catalog.load(version)
    (version / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (version / "menus.parquet").write_bytes((version / "menus.parquet").read_bytes()[:50])
    with pytest.raises(ArtifactError, match="v1"):
        Catalog.load(version)
    with pytest.raises(ArtifactError):
        Catalog.load(version / "nothing")


def test_writing_refuses_what_does_not_fit(tmp_path: Path) -> None:
    empty = Events.from_rows([], simulated=False)
    with pytest.raises(InputError, match="twice"):
        write_tables(tmp_path, (SHOPS[0], SHOPS[0]), (), (), empty, {})
    with pytest.raises(InputError, match="nowhere"):
        write_tables(
            tmp_path,
            SHOPS,
            (Menu(menu_id="9", shop_id="nowhere", name="밥", price_won=1_000),),
            (),
            empty,
            {},
        )
    with pytest.raises(InputError, match="events"):
        write_tables(tmp_path, SHOPS, (), (), some_events(), {})


def test_no_shops_at_all_is_a_catalogue_too(tmp_path: Path) -> None:
    write_tables(tmp_path, (), (), (), Events.from_rows([], simulated=False), {})
    catalog = Catalog.load(tmp_path)
    assert catalog.size == 0
    assert catalog.open_now(datetime(2026, 11, 20, 12, tzinfo=SEOUL)).shape == (0,)


def test_the_report_counts_what_is_there(version: Path) -> None:
    catalog = Catalog.load(version)
    report = data_report(catalog, Behavior.load(version, catalog))
    assert report["counts"]["shops"] == 2
    assert report["coverage"]["hours"] == 0.5
    assert report["distributions"]["meal_card"] == {"yes": 1, "no": 1}
    assert "discount" in report["missing"]
    json.dumps(report)
