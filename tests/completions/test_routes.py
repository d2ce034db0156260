"""/v1 over the engine in memory, asked by the official client and by hand."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from deployments.completions.port import EchoCompletions
from deployments.completions.routes import completion_routes
from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings

openai = pytest.importorskip("openai")

HELLO = [{"role": "user", "content": "one two three"}]
BODY = {"model": "echo", "messages": HELLO}


class Broken(EchoCompletions):
    """Fails, or waits, after the first piece."""

    wait_s = 0.0

    async def complete(self, completion, *, request_id):
        pieces = super().complete(completion, request_id=request_id)
        try:
            yield await anext(pieces)
            await asyncio.sleep(self.wait_s)
            raise NaviyamError("/secret/path is broken")
        finally:
            await pieces.aclose()


def app_of(port, **sections):
    app = FastAPI()
    app.include_router(completion_routes(port, Settings.parse(sections), SystemClock()))
    return app


@asynccontextmanager
async def http_of(port, **sections):
    transport = httpx.ASGITransport(app_of(port, **sections))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def ask(story, port=None, **sections):
    async def inside():
        made = port or EchoCompletions()
        async with http_of(made, **sections) as http:
            client = openai.AsyncOpenAI(
                api_key="nv_x", base_url="http://test/v1", http_client=http, max_retries=0
            )
            await story(client, made, http)

    asyncio.run(inside())


def test_the_official_client_lists_and_finds_models():
    async def story(client, port, http):
        listed = [m.id async for m in client.models.list()]
        assert listed == ["echo", "echo-twice@1"]
        one = await client.models.retrieve("echo-twice")
        assert (one.id, one.object, one.owned_by) == ("echo-twice@1", "model", "naviyam")
        with pytest.raises(openai.NotFoundError, match="there are: echo, echo-twice@1"):
            await client.models.retrieve("gpt-9")

    ask(story)


def test_the_official_client_gets_whole_answers():
    async def story(client, port, http):
        answer = await client.chat.completions.create(**BODY)
        (choice,) = answer.choices
        assert choice.message.content == "one two three"
        assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
        assert answer.object == "chat.completion"
        assert answer.usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}) == {
            "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6,
        }  # fmt: skip
        short = await client.chat.completions.create(
            **{**BODY, "model": "echo-twice"}, max_tokens=4
        )
        assert short.model == "echo-twice@1"
        assert short.choices[0].message.content == "one two three one"
        assert short.choices[0].finish_reason == "length"

    ask(story)


def test_the_official_client_gets_streams():
    async def story(client, port, http):
        chunks = [c async for c in await client.chat.completions.create(**BODY, stream=True)]
        assert {c.object for c in chunks} == {"chat.completion.chunk"}
        assert len({c.id for c in chunks}) == 1
        assert chunks[0].choices[0].delta.role == "assistant"
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "one two three"
        assert [c.choices[0].finish_reason for c in chunks][-1] == "stop"
        assert all(c.usage is None for c in chunks)
        counted = await client.chat.completions.create(
            **BODY, stream=True, stream_options={"include_usage": True}
        )
        last = [c async for c in counted][-1]
        assert (last.choices, last.usage.total_tokens) == ([], 6)

    ask(story)


def test_what_is_asked_reaches_the_engine():
    async def story(client, port, http):
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        await client.chat.completions.create(
            model="echo",
            messages=[
                {"role": "developer", "content": "be short"},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ],
            max_completion_tokens=7, temperature=0.5, top_p=0.9, stop=["x", "y"], seed=3, n=1, user="u",
            presence_penalty=0, logprobs=False, tools=[],
            response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        )  # fmt: skip
        asked = port.asked[-1]
        assert [(m.role, m.content) for m in asked.messages] == [
            ("system", "be short"),
            ("user", "a\nb"),
        ]
        assert asked.sampling == {
            "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ("x", "y"),
            "json_schema": schema,
        }  # fmt: skip
        await client.chat.completions.create(
            **BODY, response_format={"type": "json_object"}, stop="z"
        )
        assert port.asked[-1].sampling["json_schema"] == {"type": "object"}
        assert port.asked[-1].sampling["stop"] == ("z",)
        assert port.asked[-1].sampling["max_tokens"] == 512

    ask(story)


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"tools": [{"type": "function"}]}, "unsupported_parameter", "tools"),
        ({"n": 2}, "unsupported_parameter", "n"),
        ({"logprobs": True}, "unsupported_parameter", "logprobs"),
        ({"presence_penalty": 1.5}, "unsupported_parameter", "presence_penalty"),
        ({"colour": "red"}, "unknown_parameter", "colour"),
        ({"temperature": 3}, "invalid_value", "temperature"),
        ({"top_p": 0}, "invalid_value", "top_p"),
        ({"max_tokens": 100_000}, "invalid_value", "max_tokens"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": HELLO * 65}, "invalid_value", "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "invalid_value", "type"),
        ({"stop": ["a"] * 5}, "invalid_value", "stop"),
        ({"stop": ""}, "invalid_value", "stop"),
        ({"response_format": {"type": "json_schema"}}, "invalid_value", "response_format"),
    ],
)  # fmt: skip
def test_what_is_not_here_is_refused_by_name(more, code, param):
    async def story(client, port, http):
        answer = await http.post("/v1/chat/completions", json={**BODY, **more})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", code)
        assert param in error["param"]
        assert error["message"]
        assert not port.asked

    ask(story)


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_request(content):
    async def story(client, port, http):
        answer = await http.post("/v1/chat/completions", content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")

    ask(story)


def test_errors_are_openais_and_tell_no_secrets():
    async def story(client, port, http):
        gone = await http.get("/v1/embeddings")
        assert (gone.status_code, gone.json()["error"]["type"]) == (404, "not_found_error")
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(**{**BODY, "model": "gpt-9"}, stream=True)
        assert missing.value.code == "model_not_found"
        port.places = 0
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as full:
                await client.chat.completions.create(**BODY, stream=stream)
            assert full.value.status_code == 503
            assert full.value.response.headers["retry-after"] == "2"

    ask(story)


def test_a_failure_midway_is_an_error_or_ends_the_stream_with_one():
    async def story(client, port, http):
        whole = await http.post("/v1/chat/completions", json=BODY)
        assert (whole.status_code, whole.json()["error"]["code"]) == (503, "unavailable")
        stream = await http.post("/v1/chat/completions", json={**BODY, "stream": True})
        assert stream.status_code == 200
        last = stream.text.strip().split("\n\n")[-1]
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "unavailable"
        assert "secret" not in whole.text + stream.text
        with pytest.raises(openai.APIError, match="not there"):
            async for _ in await client.chat.completions.create(**BODY, stream=True):
                pass

    ask(story, Broken())


def test_an_answer_has_a_longest_time():
    async def story(client, port, http):
        whole = await http.post("/v1/chat/completions", json=BODY)
        assert (whole.status_code, whole.json()["error"]["code"]) == (503, "timeout")
        stream = await http.post("/v1/chat/completions", json={**BODY, "stream": True})
        assert '"code": "timeout"' in stream.text
        assert port.running == 0

    port = Broken()
    port.wait_s = 30.0
    ask(story, port, completions={"timeout_s": 0.05})


def test_without_a_language_model_there_are_no_models():
    async def story(client, port, http):
        for made in (None, EchoCompletions()):
            off = {} if made is None else {"completions": {"enabled": False}}
            async with http_of(made, **off) as other:
                answer = await other.get("/v1/models")
                assert answer.status_code == 404
                assert "llm.enabled" in answer.json()["error"]["message"]

    ask(story)


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_hangs_up_ends_the_generation(stream):
    async def inside():
        port = Slow()
        app = app_of(port)
        body = json.dumps({**BODY, "stream": stream}).encode()
        gone, messages = asyncio.Event(), [{"type": "http.request", "body": body}]

        async def receive():
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            return

        scope = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"",
            "raw_path": b"", "headers": [], "http_version": "1.1", "scheme": "http",
            "server": ("test", 80), "client": ("test", 1), "root_path": "",
        }  # fmt: skip
        task = asyncio.ensure_future(app(scope, receive, send))
        while not port.running:
            await asyncio.sleep(0)
        gone.set()
        await asyncio.wait_for(task, 5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (port.running, port.left) == (0, 1)

    asyncio.run(inside())


class Slow(EchoCompletions):
    """Never ends after its first piece."""

    async def complete(self, completion, *, request_id):
        pieces = super().complete(completion, request_id=request_id)
        try:
            yield replace(await anext(pieces), finish=None)
            await asyncio.Event().wait()
        finally:
            await pieces.aclose()
