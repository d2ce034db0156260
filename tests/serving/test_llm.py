import asyncio

import pytest

from naviyam.errors import OverloadedError

BODY = {"user_id": "k", "message": "김밥 먹고 싶어"}


class Model:
    """A language model whose behaviour a test sets; `left` counts streams that were closed before their end."""

    def __init__(self):
        self.mode = "good"
        self.started = 0
        self.left = 0

    async def stream(self, prompt, *, adapter, request_id):
        self.started += 1
        finished = False
        try:
            if self.mode == "full":
                raise OverloadedError("full", retry_after_s=1)
            if self.mode == "dead":
                raise ConnectionError("the replica is gone")
            if self.mode == "stuck":
                await asyncio.sleep(60)
            for piece in (
                "좋은 ",
                "곳 찾았어요! ",
                "@1도 ",
                "좋아요. ",
                "@2도 좋아요. @3도 좋아요. ",
                "어디로 갈까요?",
            ):
                if self.mode == "slow":
                    await asyncio.sleep(0.5)
                yield piece
            finished = True
        finally:
            self.left += not finished


@pytest.fixture
def model():
    return Model()


WRITING = {"first_token_timeout_s": 0.3, "total_timeout_s": 1.0}


def ask_with(served, service_of, state, model, story):
    service = service_of(state, generator=model, writing=WRITING)
    return served(story, service=service)


def test_a_dead_stuck_or_full_model_degrades_and_recovers_by_itself(
    served, service_of, state, model
):
    async def story(w):
        async def ask():
            body = {**BODY, "context": {"district": w.district}}
            response = await w.client.post("/chat", json=body)
            assert response.status_code == 200
            assert response.json()["response"]
            return response.json()["metadata"]

        assert (await ask())["written_by"] == "llm"
        for mode, reason in (
            ("full", "llm_overloaded"),
            ("stuck", "llm_late"),
            ("dead", "writer_failed, llm_disabled"),
        ):
            model.mode = mode
            meta = await ask()
            assert (meta["written_by"], meta["degraded"]) == ("template", True)
            assert meta["degraded_reason"] == reason
        model.mode = "good"
        meta = await ask()
        assert (meta["written_by"], meta["degraded"]) == ("llm", False)

    ask_with(served, service_of, state, model, story)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_caller_who_hangs_up_ends_the_generation(served, service_of, state, model, accept):
    async def story(w):
        model.mode = "slow"
        body = {**BODY, "context": {"district": w.district}}
        content = w.client.build_request("POST", "/chat", json=body).content
        app = w.client._transport.app
        messages = asyncio.Queue()
        await messages.put({"type": "http.request", "body": content, "more_body": False})
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/chat",
            "raw_path": b"/chat", "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(b"content-type", b"application/json"), (b"accept", accept.encode())],
            "server": ("test", 80), "client": ("test", 1), "http_version": "1.1",
        }  # fmt: skip

        async def send(message):
            pass

        running = asyncio.create_task(app(scope, messages.get, send))
        while not model.started:
            await asyncio.sleep(0.01)
        await messages.put({"type": "http.disconnect"})
        await asyncio.wait_for(running, 2)
        await asyncio.sleep(0.05)
        assert model.left == 1
        model.mode = "good"
        gate = w.service._chats
        assert gate._inside == 0

    service = service_of(
        state, generator=model, writing={"first_token_timeout_s": 4.0, "total_timeout_s": 8.0}
    )
    served(story, service=service)
