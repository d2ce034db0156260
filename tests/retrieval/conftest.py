import random
from datetime import datetime, timedelta

import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.hours import every_day, to_json
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.clock import SEOUL
from naviyam.request import Filters, Place, RequestContext, UserProfile
from naviyam.retrieval.encoder import load_encoder
from naviyam.retrieval.index import Index
from naviyam.retrieval.search import HybridRetriever
from naviyam.search import SearchRequest
from naviyam.settings import Settings

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=SEOUL)
HERE = Place(name="효자동", latitude=37.873, longitude=127.737, radius_m=1_500, level="dong")
_METRES_PER_DEGREE = 111_195.0

DISHES = {
    "중식": ("짜장면", "짬뽕", "탕수육", "새우볶음밥"),
    "분식": ("떡볶이", "김밥", "라면", "치즈김밥", "쫄면"),
    "치킨": ("후라이드치킨", "양념치킨", "땅콩닭강정"),
    "한식": ("김치찌개", "비빔밥", "된장찌개", "돼지국밥", "칼국수", "제육볶음"),
    "카페": ("우유빙수", "와플", "케이크"),
    "편의점": ("삼각김밥", "도시락"),
}


def shop_at(shop_id, name, *, metres=100.0, **more):
    """A shop straight north of HERE; the rest as given."""
    latitude = HERE.latitude + metres / _METRES_PER_DEGREE
    base = {
        "sido": "강원도",
        "sigungu": "춘천시",
        "longitude": HERE.longitude,
        "latitude": latitude,
    }
    return Shop(shop_id=shop_id, name=name, **{**base, **more})


def menu_of(shop_id, name, price_won=5_000, number=0, **more):
    return Menu(
        menu_id=f"{shop_id}-{number}", shop_id=shop_id, name=name, price_won=price_won, **more
    )


@pytest.fixture(scope="session")
def make_catalog(tmp_path_factory):
    def make(shops, menus=(), *, version="v1", users=(), rows=()):
        folder = tmp_path_factory.mktemp("catalog") / version
        folder.mkdir()
        events = Events.from_rows(list(rows), simulated=True)
        write_tables(folder, list(shops), list(menus), list(users), events, {})
        return Catalog.load(folder)

    return make


@pytest.fixture(scope="session")
def settings():
    return Settings.parse({})


@pytest.fixture(scope="session")
def encoder(settings):
    return load_encoder(settings.retrieval)


def town(seed=3, n=160):
    """Shops of all sorts around HERE, some without menus, hours, or a known card."""
    rng = random.Random(seed)
    shops, menus = [], []
    hours = ("", "", to_json(every_day((600, 1_260))), to_json(every_day((1_020, 1_500))))
    for i in range(n):
        category = rng.choice(list(DISHES))
        shop_id = f"s{i:03d}"
        some = rng.sample(DISHES[category], k=rng.randint(0, min(3, len(DISHES[category]))))
        name = f"{rng.choice(('춘천', '행복', '엄마손', '별빛'))}{(some or [category])[0]}{i}"
        shops.append(
            shop_at(
                shop_id, name, metres=rng.uniform(50, 5_000), category=category, tags=(category,),
                meal_card=rng.choice(list(MealCard)), hours=rng.choice(hours),
                is_good_influence_shop=rng.random() < 0.2, serves_alcohol_mainly=rng.random() < 0.1,
                sigungu=rng.choice(("춘천시", "홍천군")),
                rating=rng.choice((None, 3.5, 4.5)), view_count=rng.randint(0, 90), order_count=rng.randint(0, 9),
            )
        )  # fmt: skip
        menus += [
            menu_of(
                shop_id, dish, rng.choice((0, 2_500, 4_500, 6_000, 9_000)), number,
                is_sold_out=rng.random() < 0.1, allergens=("우유",) if dish == "와플" else None,
            )
            for number, dish in enumerate(some)
        ]  # fmt: skip
    return shops, menus


@pytest.fixture(scope="session")
def town_catalog(make_catalog):
    return make_catalog(*town())


@pytest.fixture(scope="session")
def retriever(town_catalog, encoder, settings):
    index = Index.build(town_catalog, encoder, settings.retrieval)
    return HybridRetriever(town_catalog, index, encoder, settings)


def ask(
    query="", *, place=HERE, version="v1", top_k=20, shown=(), profile=None, time=NOON, **filters
):
    return SearchRequest(
        catalog_version=version,
        query=query,
        filters=Filters(**filters),
        context=RequestContext(time=time),
        profile=profile or UserProfile(user_id="u_1"),
        place=place,
        top_k=top_k,
        exclude_shop_ids=tuple(shown),
    )


@pytest.fixture(scope="session")
def kit():
    """The builders of this folder, for tests that cannot import a conftest."""

    class Kit:
        now, here, later = NOON, HERE, NOON + timedelta(hours=9)
        shop, menu, ask = staticmethod(shop_at), staticmethod(menu_of), staticmethod(ask)

    return Kit
