from datetime import datetime

import pytest

from naviyam.catalog.behavior import KINDS, Behavior
from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Shop
from naviyam.clock import SEOUL
from naviyam.funnel.merge import Funnels
from naviyam.request import Filters, Place, RequestContext, UserProfile
from naviyam.search import SearchRequest
from naviyam.settings import Settings

MIDDAY = datetime(2026, 11, 20, 12, 0, tzinfo=SEOUL)
CENTRE = Place(name="효자동", latitude=37.873, longitude=127.737, radius_m=1_500, level="dong")
DAY_S = 86_400


def village(n=60):
    kinds = ("한식", "분식", "치킨", "카페")
    return [
        Shop(
            shop_id=f"s{i:02d}", name=f"가게{i}", category=kinds[i % 4], tags=(kinds[i % 4],),
            latitude=CENTRE.latitude + i * 0.0002, longitude=CENTRE.longitude, sigungu="춘천시",
            meal_card=MealCard.YES if i % 3 else MealCard.UNKNOWN, serves_alcohol_mainly=i == 7,
            view_count=i, order_count=60 - i,
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Write and load shops, users and (user, shop, kind, value, day) events."""

    def make(shops=None, users=(), events=()):
        start = int(MIDDAY.timestamp()) - 400 * DAY_S
        rows = [
            (u, s, KINDS.index(k), float(v), start + int(d * DAY_S)) for u, s, k, v, d in events
        ]
        folder = tmp_path / "v1"
        folder.mkdir()
        write_tables(
            folder, village() if shops is None else shops, [], list(users),
            Events.from_rows(rows, simulated=True), {},
        )  # fmt: skip
        catalog = Catalog.load(folder)
        return catalog, Behavior.load(folder, catalog)

    return make


@pytest.fixture
def gather(load):
    """Return a function that gathers for a wish over the village."""

    def prepare(*, behavior=True, config=None, **data):
        catalog, events = load(**data)
        funnels = Funnels(catalog, events if behavior else None, Settings.parse(config or {}))

        def run(*, profile=None, place=CENTRE, time=MIDDAY, version="v1", **filters):
            return funnels.gather(
                SearchRequest(
                    catalog_version=version, query="", filters=Filters(**filters), place=place,
                    context=RequestContext(time=time), profile=profile or UserProfile(user_id="u_none"),
                )
            )  # fmt: skip

        run.catalog = catalog
        run.funnels = funnels
        return run

    return prepare
