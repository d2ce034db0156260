import json
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.events import CLICK, ORDER, REVIEW
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.catalog.types import MealCard
from naviyam.errors import InputError
from naviyam.request import CATEGORIES
from naviyam.settings import Settings
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.build import from_public_lists, from_sample, from_workbook
from naviyam.simulation.shops import sample_shops
from naviyam.simulation.workbook import sample_sheets, write_sample

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "shops"
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
STIGMA = ("결식", "불우", "빈곤", "가난", "저소득")


def settings_in(folder: Path) -> Settings:
    return Settings.parse({"paths": {"state": str(folder / "state")}})


def test_the_sample_is_varied_and_the_same_for_a_seed() -> None:
    shops, menus = sample_shops(random.Random(7))
    assert (shops, menus) == sample_shops(random.Random(7))
    assert sample_shops(random.Random(8))[0] != shops
    assert {s.category for s in shops} == set(CATEGORIES)
    assert {"관악구", "춘천시", "은평구"} <= {s.sigungu for s in shops}
    assert {s.meal_card for s in shops} == set(MealCard)
    assert len({s.name for s in shops}) == len(shops)
    assert 0 < sum(s.serves_alcohol_mainly for s in shops) < 20
    assert sum(s.is_good_influence_shop for s in shops) > 20
    assert all(1_000 <= m.price_won <= 30_000 for m in menus)


def test_sheets_are_the_same_for_a_seed_and_shame_nobody() -> None:
    sheets = sample_sheets(seed=4, now=NOW, shops=50, users=10)
    assert sheets == sample_sheets(seed=4, now=NOW, shops=50, users=10)
    text = " ".join(str(v) for s in sheets.values() for row in s.rows for v in row)
    assert not [word for word in STIGMA if word in text]


def test_behavior_lies_in_the_90_days_before_and_spares_bars() -> None:
    shops, menus = sample_shops(random.Random(1), count=120)
    users, events = simulate_behavior(shops, menus, now=NOW, seed=3, users=40)
    assert events.simulated
    assert all(8 <= (u.age or 0) <= 18 for u in users)
    assert events.time.max() < NOW.timestamp()
    assert events.time.min() > NOW.timestamp() - 92 * 86_400
    assert (np.diff(events.time) >= 0).all()
    assert not any(shops[row].serves_alcohol_mainly for row in set(events.shop.tolist()))
    assert set(events.value[events.kind == REVIEW].tolist()) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    quiet = {i for i, u in enumerate(users) if not u.consent}
    assert not quiet & set(events.user.tolist())


def test_there_is_something_to_learn() -> None:
    shops, menus = sample_shops(random.Random(1), count=200)
    users, events = simulate_behavior(shops, menus, now=NOW, seed=3, users=80)
    liked = np.array(
        [
            bool(set(shops[s].tags) & set(users[u].favorite_categories))
            for u, s in zip(events.user, events.shop, strict=True)
        ]
    )
    orders, views = events.kind == ORDER, events.kind == 0
    assert liked[orders].mean() > 1.3 * liked[views].mean()
    clicks = (events.kind == CLICK).sum()
    assert 0.05 < clicks / views.sum() < 0.35


def test_shops_without_places_give_no_behavior() -> None:
    users, events = simulate_behavior([], [], now=NOW, seed=1)
    assert (users, len(events)) == ((), 0)


def test_a_published_sample_is_read_back(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    folder = from_sample(settings, NOW)
    assert versions.current(settings.paths.catalog) == folder
    catalog = Catalog.load(folder)
    behavior = Behavior.load(folder, catalog)
    assert catalog.simulated
    assert catalog.size == 400
    assert all(u.startswith("u_") for u in behavior.user_ids)
    assert not np.isnan(catalog.rating).all()
    assert catalog.order_count.sum() == (behavior.kind == ORDER).sum()
    assert catalog.alcohol.any()
    assert Gazetteer.load(folder).resolve("관악구") is not None
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["seed"] == settings.seed
    assert card["rows"]["shops"] == 400
    assert card["import"]["set_aside"] == {}


def test_a_workbook_is_published_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    path = tmp_path / "sample_data.xlsx"
    write_sample(path, seed=1, now=NOW, shops=30, users=6)
    folder = from_workbook(path, settings, NOW)
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(InputError):
        from_workbook(path, settings, NOW)
    assert versions.current(settings.paths.catalog) == folder
    with pytest.raises(InputError, match="no list"):
        from_public_lists([], settings, NOW)


@pytest.mark.skipif(not DATA.is_dir(), reason="the public lists are not on this machine")
def test_the_real_shops(tmp_path: Path) -> None:
    folder = from_public_lists(
        [DATA / "shops.csv.gz"], settings_in(tmp_path), NOW, DATA / "legal_dong_centers.csv.gz"
    )
    catalog = Catalog.load(folder)
    assert catalog.size > 5_400
    assert np.isnan(catalog.rating).all(), "simulated stars must not become facts of real shops"
    chicken = (catalog.tags & (1 << CATEGORIES.index("치킨"))) > 0
    place = Gazetteer.load(folder).resolve("춘천 퇴계동")
    assert place is not None
    near = catalog.distance_m(place.latitude, place.longitude) < place.radius_m
    assert (chicken & near & (catalog.meal_card == 1) & ~catalog.alcohol).sum() >= 5
