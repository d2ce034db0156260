"""One connected trace of a chat, over a real collector: ingress, stages, and an engine behind a handle."""

import asyncio
import contextvars
import subprocess
import sys

import pytest

from cluster.telemetry.hop import received
from cluster.telemetry.open import open_tracer
from cluster.telemetry.request import Request, carrier, working_for
from cluster.telemetry.tracer import NO_TRACER
from deployments.generator import HandleGenerator
from naviyam.dialogue.turn import STAGES
from naviyam.errors import ConfigError
from naviyam.nlg.generator import ServedBy
from naviyam.settings import Settings
from tests.serving.conftest import client_of
from tests.telemetry.collector import Collector

SECRET = "김민수예요 파란우산찜닭 먹고싶어"
CALLER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def telemetry(collector, **more):
    values = {"endpoint": collector.endpoint, "sample_ratio": 1.0, **more}
    return Settings.parse({"telemetry": values}).telemetry


class Elsewhere:
    """A handle to an engine in another process: nothing but the arguments gets there."""

    def __init__(self, tracer, fails=None):
        self.tracer, self.fails, self.carriers = tracer, fails, []

    def options(self, **options):
        return self

    def remote(self, prompt, adapter, request_id, overrides, carried):
        self.carriers.append(carried)
        return Response(self, carried)


class Response:
    def __init__(self, owner, carried):
        self.owner, self.carried = owner, carried

    async def __aiter__(self):
        queue = asyncio.Queue()

        async def engine():
            try:
                with received(self.carried, self.owner.tracer, "LLM.stream"):
                    if self.owner.fails is not None:
                        raise self.owner.fails
                    queue.put_nowait(ServedBy(adapter="nlg@1"))
                    queue.put_nowait("여기 어때요? ")
                queue.put_nowait(None)
            except Exception as e:
                queue.put_nowait(e)

        task = asyncio.get_running_loop().create_task(engine(), context=contextvars.Context())
        while (piece := await queue.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
        await task

    def cancel(self):
        return


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def traced(collector, state, service_of):
    """Run a coroutine function with a client of a traced service; return what the collector got."""

    def go(story, fails=None, **more):
        settings = telemetry(collector, **more)
        own = open_tracer(settings, part="Ingress", role="ingress")
        other = open_tracer(settings, part="LLM", role="inner")
        generator = HandleGenerator(Elsewhere(other, fails), tracer=own)
        service = service_of(state, generator=generator, tracer=own, llm={"enabled": True})

        async def inside():
            async with client_of(service) as client:
                return await story(client, service.runtimes.current.catalog.districts[0])

        answer = asyncio.run(inside())
        other.close()
        return answer

    return go


def chat(district, message=SECRET):
    return {"user_id": "kid-77", "message": message, "context": {"district": district}}


def test_a_chat_is_one_connected_trace(traced, collector):
    async def story(client, district):
        return await client.post("/chat", json=chat(district), headers={"traceparent": CALLER})

    assert traced(story).status_code == 200
    root = collector.wait_for("POST /chat")
    spans = collector.of_trace("ab" * 16)
    assert (root.trace, root.parent) == ("ab" * 16, "cd" * 8)
    assert {f"stage/{name}" for name in STAGES} <= {s.name for s in spans}
    ids = {s.id for s in spans}
    assert all(s.parent in ids for s in spans if s is not root)
    by_name = {s.name: s for s in spans}
    assert by_name["part/retrieve"].parent == by_name["stage/candidates"].id
    assert by_name["stage/write"].parent == root.id
    assert by_name["generate"].parent == by_name["stage/write"].id
    assert by_name["LLM.stream"].parent == by_name["generate"].id
    assert by_name["LLM.stream"].resource["naviyam.deployment"] == "LLM"
    assert root.resource["service.name"] == "naviyam"
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["naviyam.intent"]


def test_a_span_holds_neither_words_nor_users(traced, collector):
    async def story(client, district):
        await client.get("/users/kid-77", params={"q": "파란우산"})
        await client.post("/recommendations", json={"user_id": "kid-77", "query": "파란우산찜닭"})
        return await client.post("/chat", json=chat(district))

    traced(story, fails=ValueError(f"{SECRET} kid-77"))
    assert collector.wait_for("GET /users/{user_id}").attributes["http.response.status_code"] == 404
    failed = collector.wait_for("LLM.stream")
    assert failed.attributes["error.type"] == "ValueError"
    assert failed.events == []
    everything = b"".join(collector.bodies)
    for word in ("파란우산", "김민수", "kid-77"):
        assert word.encode() not in everything


def test_a_share_is_traced_whatever_the_caller_says(traced, collector):
    async def story(client, district):
        await client.post("/chat", json=chat(district), headers={"traceparent": CALLER})

    traced(story, sample_ratio=0.0)
    assert collector.spans == []


def test_without_a_collector_nothing_of_opentelemetry_is_imported():
    code = (
        "import sys, deployments.ingress, deployments.pipeline\n"
        "from cluster.telemetry.open import open_tracer\n"
        "from cluster.telemetry.tracer import NO_TRACER\n"
        "from naviyam.settings import Settings\n"
        "made = open_tracer(Settings.parse({}).telemetry, part='Ingress', role='ingress')\n"
        "assert made is NO_TRACER\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_call_carries():
    assert carrier() == {}
    with working_for(Request(request_id="abcdefgh", parent=lambda: CALLER)):
        assert carrier() == {"request_id": "abcdefgh", "traceparent": CALLER}
    with received({"request_id": "abcdefgh"}, NO_TRACER, "x"):
        assert carrier() == {"request_id": "abcdefgh"}


def test_an_endpoint_is_an_address():
    with pytest.raises(ConfigError, match=r"telemetry\.endpoint"):
        Settings.parse({"telemetry": {"endpoint": "collector:4318"}})
