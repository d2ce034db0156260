import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.hours import every_day, to_json
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.clock import SEOUL, FakeClock
from naviyam.conversation import Turns
from naviyam.dialogue.answers import World
from naviyam.dialogue.in_memory import InMemoryMemory, InMemoryProfiles, InMemorySink
from naviyam.dialogue.pipeline import Pipeline, Ports
from naviyam.dialogue.shops import ShopNames
from naviyam.dialogue.turn import Done, Turn
from naviyam.nlg.writer import Writer
from naviyam.request import Filters, Intent, Place, RequestContext, Understanding
from naviyam.search import Funnelled, Ranked, Retrieved
from naviyam.settings import Settings

LUNCH = datetime(2026, 11, 20, 12, 30, tzinfo=SEOUL)
HYOJA = Place(name="효자동", latitude=37.873, longitude=127.737, radius_m=1_500, level="dong")
HOURS = to_json(every_day((600, 1_260)))
MORNING = to_json(every_day((360, 600)))


def shop(shop_id: str, name: str, **more: object) -> Shop:
    base = {
        "category": "치킨",
        "sigungu": "춘천시",
        "dong": "효자동",
        "address": f"강원 춘천시 효자로 {len(shop_id)}",
        "latitude": HYOJA.latitude + 0.002,
        "longitude": HYOJA.longitude,
        "hours": HOURS,
    }
    return Shop(shop_id=shop_id, name=name, **{**base, **more})


SHOPS = (
    shop("s1", "맛있는치킨", meal_card=MealCard.YES, rating=4.6),
    shop("s2", "학교앞치킨", meal_card=MealCard.UNKNOWN, latitude=HYOJA.latitude + 0.006),
    shop("s3", "안받는치킨", meal_card=MealCard.NO),
    shop("s4", "닫은치킨", hours=MORNING),
    shop("s5", "호프치킨", serves_alcohol_mainly=True),
    shop("s6", "착한김밥", category="분식", is_good_influence_shop=True, hours=""),
    shop("s7", "모르는집", category="기타", latitude=None, longitude=None),
)
MENUS = tuple(
    Menu(menu_id=f"{shop_id}-{i}", shop_id=shop_id, name=name, price_won=price, is_best=best)
    for i, (shop_id, name, price, best) in enumerate(
        [
            ("s1", "양념치킨", 16_000, True),
            ("s1", "반 마리", 9_000, False),
            ("s1", "생맥주", 3_000, False),
            ("s2", "치킨마요", 6_500, False),
            ("s2", "땅콩닭강정", 4_000, False),
            ("s3", "치킨", 8_000, False),
            ("s4", "치킨", 8_000, False),
            ("s5", "치킨", 5_000, False),
            ("s6", "참치김밥", 3_500, True),
            ("s6", "라면", 4_000, False),
        ]
    )
)


class Places:
    """A gazetteer of two names."""

    def resolve(self, name, *, near=None):
        return {"효자동": HYOJA, "춘천시": HYOJA}.get(name)


@dataclass
class Scripted:
    """Understander and stages that answer what a test says, and remember what they were asked."""

    catalog: Catalog
    understandings: dict[str, Understanding] = field(default_factory=dict)
    rows: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    relaxed: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()
    asked: list = field(default_factory=list)
    read: list = field(default_factory=list)

    async def understand(self, text, turns):
        self.read.append(text)
        return self.understandings.get(
            text, Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=0.9)
        )

    async def retrieve(self, request):
        self._check("retrieve")
        self.asked.append(request)
        rows = [r for r in self.rows if self.catalog.shop_ids[r] not in request.exclude_shop_ids]
        scores = np.linspace(1, 0.5, len(rows)).astype(np.float32)
        return Retrieved(
            catalog_version=request.catalog_version,
            rows=np.array(rows, np.int32),
            scores=scores,
            relaxed=self.relaxed,
        )

    async def explain_nothing(self, request):
        return self.why

    async def gather(self, request):
        self._check("funnels")
        keep = [
            r for r in self.rows[:2] if self.catalog.shop_ids[r] not in request.exclude_shop_ids
        ]
        return Funnelled(
            catalog_version=request.catalog_version,
            rows=np.array(keep, np.int32),
            scores=np.full((len(keep), 4), 0.5, np.float32),
        )

    async def rank(self, request, *, top_k):
        self._check("rank")
        n = len(request.rows)
        return Ranked(
            order=np.arange(n, dtype=np.int32)[:top_k],
            scores=np.linspace(0.9, 0.1, n).astype(np.float32),
            wide=np.ones((n, 50), np.float32),
            numeric=np.zeros((n, 10), np.float32),
            model_version="r1",
        )

    def _check(self, name):
        if name in self.broken:
            raise ConnectionError(f"{name} is gone")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog") / "v1"
    folder.mkdir()
    write_tables(folder, SHOPS, MENUS, (), Events.from_rows([], simulated=True), {})
    return Catalog.load(folder)


@pytest.fixture
def settings():
    return Settings.parse({"ranker": {"exploration": 0}})


@pytest.fixture
def bench(tiny, settings):
    """A pipeline over the tiny catalogue, its scripted stages, and a way to talk to it."""
    clock = FakeClock(current=LUNCH)
    stages = Scripted(catalog=tiny)
    memory, profiles, sink = InMemoryMemory(clock), InMemoryProfiles(), InMemorySink()
    ports = Ports(
        understander=stages,
        retriever=stages,
        funnels=stages,
        ranker=stages,
        memory=memory,
        profiles=profiles,
        events=sink,
        writer=Writer(settings.writing, None, clock),
    )
    world = World(catalog=tiny, gazetteer=Places(), names=ShopNames(tiny))
    pipeline = Pipeline(
        ports, world, settings=settings, clock=clock, versions={"catalogue": tiny.version}
    )

    async def events(message, *, user="u1", number=1, **context):
        turn = Turn(
            interaction_id=f"i{number}",
            user_id=user,
            session_id="s",
            message=message,
            context=RequestContext(time=LUNCH, **{"district": "춘천시", **context}),
            received_s=clock.monotonic_s(),
        )
        return [event async for event in pipeline.run(turn)]

    def ask(message, **more) -> Done:
        return asyncio.run(events(message, **more))[-1]

    return SimpleNamespace(
        pipeline=pipeline,
        stages=stages,
        memory=memory,
        profiles=profiles,
        sink=sink,
        clock=clock,
        events=events,
        ask=ask,
        turns=lambda: asyncio.run(memory.load("u1", "s")),
        empty=Turns(),
        means=lambda text, intent=Intent.FOOD_RECOMMENDATION, filters=None, **more: (
            stages.understandings.__setitem__(
                text,
                Understanding(intent=intent, confidence=0.9, filters=filters or Filters(), **more),
            )
        ),
    )
