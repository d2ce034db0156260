import asyncio
import pickle

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError

from deployments.generator import (
    EngineGenerator,
    GeneratedReader,
    HandleGenerator,
    ModelDownError,
)
from naviyam.errors import InputError, NaviyamError, OverloadedError
from naviyam.nlu.llm import schema
from naviyam.settings import Nlu


class ScriptedResponse:
    """Yields pieces, then raises what it is told to."""

    def __init__(self, pieces, error=None):
        self.pieces, self.error, self.cancelled = list(pieces), error, False

    async def _walk(self):
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error

    def __aiter__(self):
        return self._walk()

    def cancel(self):
        self.cancelled = True


class ScriptedHandle:
    def __init__(self, response):
        self.response, self.asked = response, None

    def options(self, *, method_name, stream):
        assert (method_name, stream) == ("stream", True)
        return self

    def remote(self, *asked):
        self.asked = asked
        return self.response


def generator_over(response):
    return HandleGenerator(ScriptedHandle(response), retry_after_s=3.0)


async def collect(generator, **options):
    values = {"adapter": None, "request_id": "r", **options}
    return [piece async for piece in generator.stream("질문", **values)]


async def test_pieces_pass_in_order_and_nothing_is_cancelled():
    response = ScriptedResponse(["치킨", " 좋죠!"])
    handle = ScriptedHandle(response)
    assert await collect(HandleGenerator(handle), adapter="nlg@2") == ["치킨", " 좋죠!"]
    assert handle.asked == ("질문", "nlg@2", "r", None, {})
    assert not response.cancelled


async def test_closing_early_cancels_the_request():
    response = ScriptedResponse(["가", "나", "다"])
    stream = generator_over(response).stream("질문", adapter=None, request_id="r")
    assert await anext(stream) == "가"
    await stream.aclose()
    assert response.cancelled


async def test_a_full_queue_is_overloaded_with_the_time_to_wait():
    error = BackPressureError(num_queued_requests=9, max_queued_requests=8)
    with pytest.raises(OverloadedError) as caught:
        await collect(generator_over(ScriptedResponse([], error)))
    assert caught.value.retry_after_s == 3.0


@pytest.mark.parametrize("error", [ActorDiedError(), RayTaskError("f", "trace", ValueError("x"))])
async def test_a_dead_replica_is_a_project_error(error):
    with pytest.raises(ModelDownError, match="request r"):
        await collect(generator_over(ScriptedResponse(["a"], error)))


async def test_an_error_of_the_engine_comes_back_as_it_was():
    cause = OverloadedError("full", retry_after_s=7.0)
    remote = RayTaskError("stream", "trace", cause).as_instanceof_cause()
    with pytest.raises(NaviyamError) as caught:
        await collect(generator_over(ScriptedResponse([], remote)))
    assert type(caught.value) is OverloadedError
    assert caught.value.retry_after_s == 7.0


def test_errors_survive_the_way_between_processes():
    full = pickle.loads(pickle.dumps(OverloadedError("full", retry_after_s=7.0)))
    assert (str(full), full.retry_after_s) == ("full", 7.0)
    assert pickle.loads(pickle.dumps(InputError("long", field="prompt"))).field == "prompt"


async def test_an_engine_in_this_process_is_passed_through():
    class Echo:
        async def generate(self, prompt, *, adapter=None, request_id, overrides=None):
            yield f"{prompt}/{adapter}/{request_id}/{overrides}"

    assert await collect(EngineGenerator(Echo()), adapter="a") == ["질문/a/r/None"]


async def test_a_message_is_read_greedily_against_the_schema_and_a_reader_that_leaves_cancels():
    response = ScriptedResponse(['{"int', 'ent":"GREETING"}'])
    handle = ScriptedHandle(response)
    reader = GeneratedReader(HandleGenerator(handle), Nlu(llm_adapter="nlu@3"))
    assert await reader.read("안녕", request_id="r") == '{"intent":"GREETING"}'
    prompt, adapter, request_id, overrides, _ = handle.asked
    assert (prompt, adapter, request_id) == ("안녕", "nlu@3", "r")
    assert overrides["temperature"] == 0.0
    assert overrides["json_schema"] == schema(filters=False)
    stuck = ScriptedResponse([])
    stuck._walk = never
    task = asyncio.create_task(
        GeneratedReader(generator_over(stuck), Nlu()).read("안녕", request_id="r")
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stuck.cancelled


async def never():
    await asyncio.Event().wait()
    yield ""
