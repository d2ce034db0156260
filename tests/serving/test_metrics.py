"""What the service counts: by scenario, over the meter that keeps everything."""

import asyncio
from dataclasses import dataclass

import pytest

from cluster.telemetry.catalogue import (
    ANSWER_SECONDS,
    ANSWERS,
    ARM_ANSWERS,
    ARM_ERRORS,
    ARM_SECONDS,
    CACHE_LOOKUPS,
    DEGRADED,
    EVENT_COMMIT_SECONDS,
    EVENT_FAILURES,
    EVENT_RECORDS,
    EVENT_SYNC_SECONDS,
    FEEDBACK,
    HTTP_REQUESTS,
    INSIDE,
    INSIDE_LIMIT,
    INTENTS,
    LLM_ACTIVE,
    LLM_FIRST,
    LLM_REQUESTS,
    LLM_TOKENS,
    LLM_WAITING,
    REFUSED,
    REJECTED,
    STAGE_SECONDS,
    TRAFFIC_REVISION,
    VERSION_INFO,
)
from cluster.telemetry.instruments import MOST_VALUES, OTHER, Counts, MemoryMeter
from deployments.limits import Gate
from deployments.llm_metrics import LanguageModelMetrics
from deployments.metrics import ServiceMetrics
from naviyam.clock import FakeClock, SystemClock
from naviyam.errors import OverloadedError
from naviyam.feedback.log import AppendLog

METADATA = {
    "intent": "FOOD_RECOMMENDATION",
    "written_by": "mixed",
    "variant": "candidate",
    "degraded": True,
    "degraded_reason": "llm_timeout, memory_unavailable",
    "rejected": ["price"],
    "candidates": 40,
    "stages": {"rank": 30.0, "write": 900.0},
    "candidates_ms": {"retrieve": 5.0, "funnels": 2.0},
    "experiments": {"ranker": {"experiment": "e1", "arm": "candidate", "version": "r2"}},
    "arm_errors": ["ranker"],
    "versions": {"ranker": "r2"},
}


@pytest.fixture
def meter():
    return MemoryMeter()


def test_an_answer_is_counted_once_under_its_labels(meter):
    metrics = ServiceMetrics(meter)
    metrics.answered("chat", METADATA, 1.5, simulated=False)
    metrics.failed("chat", "timeout", simulated=True)
    assert meter.total(ANSWERS, "chat", "degraded", "mixed", "candidate", "real") == 1
    assert meter.total(ANSWERS, "chat", "timeout", "none", "none", "simulated") == 1
    assert meter.values[ANSWER_SECONDS.name, ("chat", "candidate")] == [1.5]
    assert meter.values[STAGE_SECONDS.name, ("write",)] == [0.9]
    assert meter.total(DEGRADED, "llm_timeout") == meter.total(DEGRADED, "memory_unavailable") == 1
    assert meter.total(REJECTED, "price") == meter.total(INTENTS, "FOOD_RECOMMENDATION") == 1
    assert meter.total(ARM_ANSWERS, "ranker", "candidate") == meter.total(ARM_ERRORS, "ranker") == 1
    assert meter.values[ARM_SECONDS.name, ("ranker", "candidate")] == [1.5]


def test_records_that_do_not_come_to_disk_are_counted(meter, tmp_path):
    log = AppendLog(
        tmp_path / "feedback", clock=SystemClock(), told=ServiceMetrics(meter).committed
    )
    (tmp_path / "feedback").rename(tmp_path / "gone")
    with pytest.raises(OSError, match="feedback"):
        log.append({"text": "x"}).result(10)
    log.close()
    assert meter.total(EVENT_FAILURES, "feedback") == 1
    assert meter.total(EVENT_RECORDS, "feedback") == 0


def test_a_version_that_no_longer_serves_is_0(meter):
    metrics = ServiceMetrics(meter)
    for version in ("r1", "r1", "r2"):
        metrics.answered("chat", METADATA | {"versions": {"ranker": version}}, 1.0, simulated=False)
    assert meter.values[VERSION_INFO.name, ("ranker", "r1")] == [1.0, 0.0]
    assert meter.values[VERSION_INFO.name, ("ranker", "r2")] == [1.0]


def test_labels_stay_bounded(meter):
    counts = Counts(meter)
    for n in range(MOST_VALUES + 5):
        counts.take(DEGRADED, reason=f"r{n}")
    assert meter.total(DEGRADED, OTHER) == 5
    assert len(meter.values) == MOST_VALUES + 1


def test_a_refusal_is_counted(meter):
    metrics = ServiceMetrics(meter)
    gate = Gate(0, retry_after_s=1, refused=lambda: metrics.refused("chats"))
    with pytest.raises(OverloadedError), gate.enter():
        pass
    assert meter.total(REFUSED, "chats") == 1


def test_the_service_counts_answers_refusals_and_feedback(served, service_of, state, meter):
    service = service_of(state, metrics=ServiceMetrics(meter))

    async def story(w):
        chat = {"user_id": "k1", "message": "치킨 먹고 싶어", "context": {"district": w.district}}
        shops = (await w.client.post("/chat", json=chat)).json()["recommendations"]
        ask = {"user_id": "k1", "query": "치킨", "context": {"district": w.district}}
        assert (await w.client.post("/recommendations", json=ask)).status_code == 200
        click = {
            "user_id": "k1",
            "shop_id": shops[0]["shop_id"],
            "feedback_type": "clicked",
            "idempotency_key": "m1",
        }
        for _ in range(2):
            assert (await w.client.post("/feedback", json=click)).status_code == 202
        assert (await w.client.post("/chat", json=chat | {"message": ""})).status_code == 422

    served(story, service=service)
    answers = {key[1][:2]: sum(v) for key, v in meter.values.items() if key[0] == ANSWERS.name}
    assert answers == {("chat", "degraded"): 1, ("recommendations", "ok"): 1}
    stages = [key for key in meter.values if key[0] == STAGE_SECONDS.name]
    assert len(stages) == 8
    assert meter.total(FEEDBACK, "clicked", "false", "real") == 1
    assert meter.total(FEEDBACK, "clicked", "true", "real") == 1
    assert meter.total(EVENT_RECORDS, "feedback") == 1
    assert meter.total(EVENT_RECORDS, "interactions") == 2
    waited = meter.values[EVENT_COMMIT_SECONDS.name, ("interactions",)]
    wrote = meter.values[EVENT_SYNC_SECONDS.name, ("interactions",)]
    assert all(0 < w <= whole for w, whole in zip(wrote, waited, strict=True))
    assert meter.values[INSIDE.name, ("chats",)] == [1, 0]
    assert meter.last(INSIDE_LIMIT, "chats") == service.settings.serving.max_concurrent_chats
    assert meter.last(TRAFFIC_REVISION) == 0
    assert meter.total(HTTP_REQUESTS, "/chat", "POST", "422") == 1
    hits, misses = (meter.total(CACHE_LOOKUPS, "morphemes", r) for r in ("hit", "miss"))
    assert hits + misses > 0


@dataclass
class _Engine:
    active: int = 5
    tokens: int = 0


def _generation(engine, clock, fail=None):
    async def pieces():
        for text in ("치킨 ", "좋죠!"):
            clock.advance(0.5)
            engine.tokens += 3
            yield text
        if fail is not None:
            raise fail

    return pieces()


def test_a_generation_is_counted_however_it_ends(meter):
    clock, engine = FakeClock(current=SystemClock().now()), _Engine()
    metrics = LanguageModelMetrics(meter, clock, places=4)

    async def go():
        whole = [p async for p in metrics.counted(_generation(engine, clock), engine, None)]
        assert whole == ["치킨 ", "좋죠!"]
        refused = OverloadedError("full", retry_after_s=1)
        with pytest.raises(OverloadedError):
            async for _ in metrics.counted(_generation(engine, clock, refused), engine, "nlu@3"):
                pass
        left = metrics.counted(_generation(engine, clock), engine, "nlu@3")
        await anext(left)
        await left.aclose()

    asyncio.run(go())
    assert meter.total(LLM_REQUESTS, "champion", "ok") == 1
    assert meter.total(LLM_REQUESTS, "nlu@3", "overloaded") == 1
    assert meter.total(LLM_REQUESTS, "nlu@3", "gone") == 1
    assert meter.total(LLM_TOKENS) == engine.tokens == 15
    assert meter.values[LLM_FIRST.name, ("champion",)] == [0.5]
    assert meter.values[LLM_ACTIVE.name, ()][-1] == 5
    assert meter.values[LLM_WAITING.name, ()][-1] == 1
