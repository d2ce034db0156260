"""A small installation on disk: a catalogue, an event log written by the service's own parts, and a way to make the sets."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from naviyam import versions
from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.clock import SEOUL, FakeClock
from naviyam.conversation import Turns
from naviyam.dialogue.decide import Decision, Spoken
from naviyam.dialogue.finder import Found
from naviyam.dialogue.records import Heard, failure_event, turn_event
from naviyam.dialogue.trace import Trace
from naviyam.dialogue.turn import Turn
from naviyam.feedback.events import CandidateLog, FeedbackEvent
from naviyam.feedback.log import AppendLog
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS, TOMBSTONES
from naviyam.nlg.brief import WriteRequest
from naviyam.nlg.writer import Writer, Written
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Filters, Intent, RequestContext, Understanding, UserProfile
from naviyam.settings import Settings
from training.datasets.run import make_sets, open_sources

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=SEOUL)
DISHES = ("떡볶이", "김밥", "라면", "돈까스", "국밥", "만두", "우동", "카레", "냉면", "비빔밥")
SHOPS = tuple(
    Shop(
        shop_id=f"s{i}",
        name=f"참새분식{i}호",
        category="분식",
        address=f"강원 춘천시 효자로 {i}",
        sigungu="춘천시",
        meal_card=MealCard.YES,
        brand="참새분식" if i < 3 else "",
        message=f"{DISHES[i]} 전문점입니다. 급식카드 이용 가능합니다."
        if i
        else "전화 010-1234-5678입니다.",
    )
    for i in range(len(DISHES))
)
MENUS = tuple(
    Menu(menu_id=f"m{i}", shop_id=f"s{i}", name=dish, price_won=4_000 + 100 * i)
    for i, dish in enumerate(DISHES)
)


@dataclass
class World:
    """One installation. `answer` and `feedback` queue records, `write` puts them into closed segments."""

    root: Path
    queued: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.parse({"paths": {"state": str(self.root)}, "learning": {"min_samples": 4}})

    @property
    def catalog(self) -> Catalog:
        return Catalog.load(versions.current(self.settings.paths.catalog))

    def answer(
        self,
        name: str,
        user: str = "u_1",
        *,
        ago: timedelta = timedelta(days=1),
        message: str | None = None,
        intent: Intent = Intent.FOOD_RECOMMENDATION,
        seconds: float = 0.5,
        scores: tuple[float, ...] = (0.9, 0.85, 0.3),
        simulated: bool = False,
        cheaper_by_won: int = 0,
    ) -> None:
        """Queue an answer of three shops as the service records it, written by the template."""
        at = NOW - ago
        digits = [int(c) for c in name if c.isdigit()]
        first = sum(digits) % len(SHOPS)
        rows = [(first + k) % len(SHOPS) for k in range(3)]
        shown = tuple(_shown(k + 1, row, scores[k]) for k, row in enumerate(rows))
        message = message or f"{DISHES[first]} 먹고 싶어 {len(digits)}{name}"
        understanding = Understanding(
            intent=intent, confidence=0.9, filters=Filters(food_type=DISHES[first])
        )
        before: tuple[Recommendation, ...] = ()
        if cheaper_by_won:
            filters = replace(understanding.filters, sort="cheapest")
            understanding = replace(understanding, intent=Intent.REFINE, filters=filters)
            price = shown[0].menus[0].price_won + cheaper_by_won
            before = (replace(shown[0], menus=(ShownMenu(name="아까", price_won=price),)),)
        write = WriteRequest(
            question=message,
            understanding=understanding,
            recommendations=shown,
            limit_won=9_500,
            turns=Turns(last_shown=before),
        )
        clock = FakeClock(current=at)
        written = _write(replace(write, seed=first), clock)
        log = CandidateLog(
            shop_ids=tuple(r.shop_id for r in shown),
            rag_scores=np.array([0.5, 0.4, 0.3], np.float32),
            funnel_scores=np.full((3, 4), 0.25, np.float32),
            scores=np.array(scores, np.float32),
            wide=np.tile(np.arange(50, dtype=np.float32) / 50, (3, 1)) + np.float32(first),
            numeric=np.tile(np.arange(10, dtype=np.float32) / 10, (3, 1)),
        )
        decision = Decision(
            understanding=understanding,
            filters=understanding.filters,
            method="test",
            write=write,
            shown=shown,
            found=Found(candidates=(), log=log, relaxed=(), ranked_by="wide_deep"),
        )
        turn = Turn(
            interaction_id=name,
            user_id=user,
            session_id="s",
            message=message,
            context=RequestContext(time=at, simulated=simulated),
            received_s=clock.monotonic_s() - seconds,
        )
        event = turn_event(
            turn,
            Heard(understanding=understanding, shown=0),
            decision,
            Spoken(text=written.text, written_by=written.written_by, told=written.told),
            Trace.start(clock, turn.received_s),
            {"ranker": "r1", "catalogue": "v1"},
            at,
            kept=understanding,
        )
        self._queue(INTERACTIONS, event.to_record())

    def feedback(
        self,
        name: str,
        kind: str = "clicked",
        user: str = "u_1",
        *,
        rank: int = 1,
        ago: timedelta = timedelta(hours=23),
        stars: float | None = 5.0,
    ) -> None:
        """Queue a feedback on the shop that stood at `rank` of an answer."""
        first = sum(int(c) for c in name if c.isdigit()) % len(SHOPS)
        event = FeedbackEvent(
            user_id=user,
            shop_id=f"s{(first + rank - 1) % len(SHOPS)}",
            feedback_type=kind,
            recorded_at=NOW - ago,
            happened_at=NOW - ago,
            interaction_id=name,
            satisfaction_score=stars,
        )
        self._queue(FEEDBACK, event.to_record())

    def fail(self, name: str, user: str = "u_1", *, ago: timedelta = timedelta(days=1)) -> None:
        """Queue a request that got no answer."""
        at = NOW - ago
        turn = Turn(
            interaction_id=name,
            user_id=user,
            session_id="s",
            message="치킨",
            context=RequestContext(time=at),
            received_s=0.0,
        )
        event = failure_event(turn, "timeout", {"ranker": "r1"}, now=at, seconds=12.0)
        self._queue(INTERACTIONS, event.to_record())

    def forget(self, user: str) -> None:
        self._queue(TOMBSTONES, {"user_id": user, "recorded_at": NOW.isoformat()})

    def write(self) -> None:
        for kind, records in self.queued.items():
            log = AppendLog(
                self.settings.paths.events / kind, clock=FakeClock(current=NOW), window_s=0
            )
            for waiting in [log.append(r) for r in records]:
                waiting.result()
            log.close()
        self.queued.clear()

    def make(
        self, *names: str, now: datetime = NOW, settings: Settings | None = None
    ) -> dict[str, dict[str, Any]]:
        """Make the sets as the program does."""
        sources = open_sources(settings or self.settings, now)
        made = make_sets(sources, names, code_version="test")
        return {name: each.to_dict() for name, each in made.items()}

    @staticmethod
    def rows(told: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
        """Return the rows of one part of a published set."""
        table = pq.read_table(Path(told["folder"]) / f"{part}.parquet", partitioning=None)
        found: list[dict[str, Any]] = table.to_pylist()
        return found

    def _queue(self, kind: str, record: dict[str, Any]) -> None:
        self.queued.setdefault(kind, []).append(record)


def _shown(rank: int, row: int, score: float) -> Recommendation:
    shop, menu = SHOPS[row], MENUS[row]
    return Recommendation(
        rank=rank,
        shop_id=shop.shop_id,
        name=shop.name,
        category=shop.category,
        address=shop.address,
        menus=(ShownMenu(name=menu.name, price_won=menu.price_won),),
        meal_card="yes",
        distance_m=150 * rank,
        walk_minutes=3 * rank,
        open_now=True,
        score=score,
    )


def _write(request: WriteRequest, clock: FakeClock) -> Written:
    async def run() -> Written:
        pieces = [p async for p in Writer(Settings.parse({}).writing, None, clock).write(request)]
        last = pieces[-1]
        assert isinstance(last, Written)
        return last

    return asyncio.run(run())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an installation with ten shops and one user who agreed to nothing."""
    root = tmp_path / "state"
    silent = UserProfile(user_id="u_silent", consent=False)

    def write(folder: Path) -> None:
        write_tables(folder, SHOPS, MENUS, (silent,), Events.from_rows([], simulated=False), {})

    versions.publish(root / "catalog", "v1", write)
    return World(root)
