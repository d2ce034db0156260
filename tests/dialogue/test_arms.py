"""A turn in experiments: each layer asks its arm, falls back to what serves, and the record says which answered."""

import asyncio
from dataclasses import replace

import pytest

from naviyam.arms import Arm
from naviyam.dialogue.turn import Ask, Turn
from naviyam.errors import OverloadedError
from naviyam.nlg.writer import Writer
from naviyam.request import RequestContext, UserProfile
from naviyam.settings import Settings


def arm(name, version):
    return Arm(experiment=f"x-{version}", name=name, version=version)


ARMS = {"ranker": arm("candidate", "r2"), "retriever": arm("candidate", "words")}


class Armed:
    """The bench's stages, with a candidate of the ranker that does what a test says."""

    def __init__(self, stages, fault=None):
        self.stages, self.fault, self.asked = stages, fault, []

    async def rank(self, request, *, top_k):
        self.asked.append(request.ranker)
        if request.ranker is not None and self.fault == "late":
            await asyncio.sleep(60)
        if request.ranker is not None and self.fault == "full":
            raise OverloadedError("full", retry_after_s=1)
        if request.ranker is not None and self.fault:
            raise ValueError("broken weights")
        ranked = await self.stages.rank(request, top_k=top_k)
        return replace(ranked, model_version=request.ranker or "r1")


def tell(bench, *, arms=ARMS, fault=None, consent=True, message="치킨"):
    """Run one message in `arms`; return metadata and the record, None where nothing was recorded."""
    pipeline = bench.pipeline
    object.__setattr__(pipeline._answers._finder, "ranker", Armed(bench.stages, fault))
    object.__setattr__(pipeline._answers._finder, "arm_timeout_s", 0.05)
    turn = Turn(
        interaction_id="i1",
        user_id="u1",
        session_id="s",
        message=message,
        context=RequestContext(time=bench.clock.now(), district="춘천시"),
        received_s=bench.clock.monotonic_s(),
        arms=arms,
    )

    async def go():
        if not consent:
            await bench.profiles.put(UserProfile(user_id="u1", consent=False))
        return [e async for e in pipeline.run(turn)][-1]

    done = asyncio.run(go())
    records = bench.sink.interactions
    return done.metadata, records[-1] if records else None


def test_each_layer_asks_its_arm_and_the_record_says_so(bench):
    meta, record = tell(bench, arms={**ARMS, "adapter": arm("stable", "v1")})
    assert bench.stages.asked[-1].variant == "words"
    assert record["variants"] == {
        "adapter": "stable", "ranker": "candidate", "retriever": "candidate", "prompt": "stable",
    }  # fmt: skip
    assert record["experiments"] == {"adapter": "x-v1", "ranker": "x-r2", "retriever": "x-words"}
    assert (record["versions"]["ranker"], record["versions"]["retriever"]) == ("r2", "words")
    assert "arm_errors" not in record
    assert meta["variant"] == "candidate"
    assert meta["experiments"]["ranker"] == {
        "experiment": "x-r2", "arm": "candidate", "version": "r2",
    }  # fmt: skip


@pytest.mark.parametrize("fault", ["broken", "late"])
def test_what_serves_ranks_where_the_candidate_cannot_and_the_arm_is_blamed(bench, fault):
    meta, record = tell(bench, fault=fault)
    assert record["arm_errors"] == meta["arm_errors"] == ["ranker"]
    assert record["variants"]["ranker"] == "candidate"
    assert record["versions"]["ranker"] == "r1"
    assert meta["method"] == "hybrid+funnels+wide_deep"
    assert meta["degraded_reason"] == "llm_disabled"


def test_a_part_that_is_down_or_full_is_no_arms_fault(bench):
    _, record = tell(bench, fault="full")
    assert "arm_errors" not in record
    assert record["versions"]["ranker"] == "r1"
    bench.stages.broken = frozenset({"rank", "retrieve"})
    _, record = tell(bench, fault="broken")
    assert "arm_errors" not in record
    assert record["versions"]["ranker"] == "none"


def test_without_an_experiment_every_layer_is_stable(bench):
    meta, record = tell(bench, arms={})
    assert set(record["variants"].values()) == {"stable"}
    assert "experiments" not in record
    assert (meta["variant"], meta["experiments"], meta["arm_errors"]) == ("stable", {}, [])


def test_who_agreed_to_nothing_is_in_no_experiment(bench):
    meta, record = tell(bench, fault="broken", consent=False)
    assert record is None
    assert (meta["variant"], meta["experiments"], meta["arm_errors"]) == ("stable", {}, [])
    assert bench.pipeline._answers._finder.ranker.asked == [None]
    ask = Ask(
        interaction_id="i2",
        user_id="u2",
        context=RequestContext(time=bench.clock.now()),
        received_s=0.0,
        query="치킨",
        profile=UserProfile(user_id="u2", consent=False),
        arms=ARMS,
    )
    assert asyncio.run(bench.pipeline.recommend(ask)).metadata["experiments"] == {}


class Promises:
    """A model that promises, which the output screen stops, by whichever adapter."""

    def __init__(self):
        self.asked = []

    async def stream(self, prompt, *, adapter, request_id):
        self.asked.append(adapter)
        yield "무조건 맛있어요! @1도 좋아요. "


def test_what_the_screen_stopped_and_the_adapter_that_was_asked_are_on_record(bench):
    model = Promises()
    settings = Settings.parse({})
    writer = Writer(settings.writing, model, bench.clock)
    object.__setattr__(bench.pipeline._ports, "writer", writer)
    _, record = tell(bench, arms={"adapter": arm("candidate", "v2")})
    assert record["unsafe"] == ["promise"]
    assert model.asked == ["nlg@v2"]
    _, record = tell(bench, arms={})
    assert model.asked == ["nlg@v2", None]
