from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naviyam.clock import FakeClock
from naviyam.feedback.compaction import Compacted, compact
from naviyam.feedback.events import CandidateLog, FeedbackEvent, InteractionEvent
from naviyam.feedback.log import AppendLog
from naviyam.feedback.reader import read_events
from naviyam.feedback.storage import Storage
from naviyam.feedback.store import EventStore
from naviyam.recommendation import Recommendation
from naviyam.request import Entity, Filters, Intent, Understanding

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass
class World:
    """An event store with a clock that stands at `NOW`."""

    folder: Path
    storage: Storage | None = None
    clock: FakeClock = field(default_factory=lambda: FakeClock(current=NOW))

    @property
    def store(self) -> EventStore:
        return EventStore(self.folder / "events", self.storage)

    def write(self, kind: str, *records: dict[str, Any]) -> None:
        """Write one closed segment."""
        store = self.store
        log = AppendLog(
            store.spool / kind, clock=self.clock, keys=lambda: store.keys(kind), window_s=0.0
        )
        for waiting in [log.append(r) for r in records]:
            waiting.result()
        log.close()

    def compact(self, **options: Any) -> Compacted:
        return compact(
            self.store, self.clock, **{"raw_text_days": 30, "merge_up_to_bytes": 1e9, **options}
        )

    def read(self, kind: str) -> list[dict[str, Any]]:
        """Return what the log holds, without nulls: absent and null are the same."""
        records = [
            {name: value for name, value in record.items() if value is not None}
            for record in read_events(self.store, kind)
        ]
        return sorted(records, key=lambda r: str(r.get("interaction_id") or r.get("feedback_id")))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def interaction() -> Callable[..., dict[str, Any]]:
    """Make the record of an answer as the service makes it."""

    def make(name: str, user: str = "u_1", ago: timedelta = timedelta(0)) -> dict[str, Any]:
        shown = Recommendation(
            rank=1, shop_id="S-1", name="치킨집", category="치킨", address="", score=0.9
        )
        log = CandidateLog(
            shop_ids=("S-1", "S-2"),
            rag_scores=np.array([0.5, 0.25], np.float32),
            funnel_scores=np.array([[1, 0, 0, 0.5], [0, 0, 0.5, 0]], np.float32),
            scores=np.array([0.9, 0.1], np.float32),
            wide=np.arange(100, dtype=np.float32).reshape(2, 50) / 100,
            numeric=np.arange(20, dtype=np.float32).reshape(2, 10) / 20,
        )
        return InteractionEvent(
            interaction_id=name,
            time=NOW - ago,
            user_id=user,
            session_id="s_1",
            route="chat",
            text="만원으로 치킨",
            understanding=Understanding(
                intent=Intent.FOOD_RECOMMENDATION,
                confidence=0.9,
                entities=(Entity(entity="budget_max", value=10_000, start=0, end=2),),
                filters=Filters(category="치킨", budget_max=10_000),
                semantic_query="치킨집",
                keywords=("치킨",),
            ),
            shown=(shown,),
            response="치킨 좋아요!",
            response_time_s=0.5,
            versions={"ranker": "r1"},
            variants={"adapter": "stable"},
            written_by="llm",
            degraded=False,
            candidates=log,
            context={"district": "강남구", "place": None},
            simulated=True,
            said={"filters": {"category": "치킨"}, "semantic_query": "치킨집", "shown": 0},
            writing={"limit_won": 9_500, "told": ["치킨 좋죠! 🍗"], "shops": [{"open_now": None}]},
        ).to_record()

    return make


@pytest.fixture
def feedback() -> Callable[..., dict[str, Any]]:
    """Make the record of a feedback as the service makes it."""

    def make(key: str, user: str = "u_1", ago: timedelta = timedelta(0)) -> dict[str, Any]:
        return FeedbackEvent(
            user_id=user,
            shop_id="S-1",
            feedback_type="rated",
            recorded_at=NOW - ago,
            happened_at=NOW - ago,
            satisfaction_score=4.0,
            review_text="맛있어요",
            order_amount_won=9_000,
            idempotency_key=key,
            simulated=True,
        ).to_record()

    return make
