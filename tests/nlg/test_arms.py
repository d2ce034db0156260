"""Experiments on adapter and prompt: who writes, and what is said of an arm that cannot."""

import asyncio

import pytest

from naviyam.clock import SystemClock
from naviyam.conversation import Turns
from naviyam.errors import NotFoundError, OverloadedError
from naviyam.nlg.brief import WriteRequest
from naviyam.nlg.generator import ArmFailed, ArmGenerator, ServedBy
from naviyam.nlg.writer import Writer
from naviyam.recommendation import Recommendation
from naviyam.request import Intent, Understanding
from naviyam.settings import Writing

SHOP = Recommendation(rank=1, shop_id="s1", name="참새분식", category="분식", address="", score=0.9)
REQUEST = WriteRequest(
    question="떡볶이",
    understanding=Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=0.9),
    recommendations=(SHOP,),
    limit_won=9_500,
    turns=Turns(),
)
SAYS = "좋은 곳 찾았어요! @1도 좋아요. 어때요?"


class Model:
    """Two adapters; `candidate` is what asking for the candidate does."""

    def __init__(self, candidate="writes", stable="writes"):
        self.does = {"nlg@2": candidate, None: stable}
        self.asked, self.closed, self.overrides = [], 0, []

    async def stream(self, prompt, *, adapter, request_id, overrides=None):
        self.asked.append(adapter)
        self.overrides.append(overrides)
        does = self.does[adapter]
        try:
            if does == "missing":
                raise NotFoundError("not loaded")
            if does == "full":
                raise OverloadedError("full", retry_after_s=1)
            if does == "late":
                await asyncio.sleep(60)
            yield ServedBy(adapter=adapter or "nlg@1")
            if does == "says nothing":
                return
            yield SAYS
            if does == "breaks off":
                raise NotFoundError("gone")
        finally:
            self.closed += 1


async def pieces_of(model, adapter="nlg@2"):
    generator = ArmGenerator(model, timeout_s=0.05)
    return [p async for p in generator.stream("p", adapter=adapter, request_id="r")]


async def test_the_candidate_writes_where_it_can():
    model = Model()
    assert await pieces_of(model) == [ServedBy(adapter="nlg@2"), SAYS]
    assert await pieces_of(model, None) == [ServedBy(adapter="nlg@1"), SAYS]
    assert model.asked == ["nlg@2", None]


@pytest.mark.parametrize("fault", ["missing", "late", "says nothing"])
async def test_what_serves_writes_where_the_candidate_does_not_begin(fault):
    model = Model(candidate=fault)
    pieces = await pieces_of(model)
    assert pieces == [ServedBy(adapter="nlg@1"), ArmFailed("adapter"), SAYS]
    assert model.closed == 2


async def test_a_candidate_that_breaks_off_later_is_the_writers_to_finish():
    model = Model(candidate="breaks off")
    with pytest.raises(NotFoundError):
        await pieces_of(model)
    assert model.asked == ["nlg@2"]


async def test_nobody_is_blamed_where_the_engine_is_full_or_down():
    full = Model(candidate="full")
    with pytest.raises(OverloadedError):
        await pieces_of(full)
    assert full.asked == ["nlg@2"]
    down = ArmGenerator(Model("missing", "missing"), timeout_s=1)
    pieces = down.stream("p", adapter="nlg@2", request_id="r")
    with pytest.raises(NotFoundError):
        await anext(pieces)


async def written(model, *, variants=None, **request):
    settings = Writing(variants=variants or {})
    generator = model and ArmGenerator(model, timeout_s=0.05)
    writer = Writer(settings, generator, SystemClock())
    values = {f: getattr(REQUEST, f) for f in REQUEST.__slots__}
    pieces = [p async for p in writer.write(WriteRequest(**{**values, **request}))]
    return pieces[-1]


async def test_an_answer_names_what_wrote_it_and_whose_arm_failed():
    answer = await written(Model(), adapter="nlg@2")
    assert (answer.adapter, answer.arm_errors, answer.written_by) == ("nlg@2", (), "llm")
    answer = await written(Model("missing"), adapter="nlg@2")
    assert (answer.adapter, answer.arm_errors, answer.written_by) == ("nlg@1", ("adapter",), "llm")
    answer = await written(None, adapter="nlg@2")
    assert (answer.arm_errors, answer.written_by) == (("adapter",), "template")


async def test_a_prompt_variant_changes_sampling_and_emoji_and_an_unknown_one_is_its_arms_error():
    model = Model()
    variants = {"calm": {"temperature": 0.2, "top_k": 5, "max_emoji": 0}}
    answer = await written(model, variants=variants, variant="calm")
    assert (answer.variant, answer.arm_errors) == ("calm", ())
    assert "🍚" not in answer.text
    await written(model, variants=variants)
    answer = await written(model, variants=variants, variant="wild")
    assert (answer.variant, answer.arm_errors) == (None, ("prompt",))
    assert model.overrides == [{"temperature": 0.2, "top_k": 5}, None, None]
