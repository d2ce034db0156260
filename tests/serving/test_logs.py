"""Log lines of the service: whose request they belong to, and nothing of what was said in it."""

import io
import json
import logging

import pytest

from cluster.telemetry.catalogue import HTTP_REQUESTS, HTTP_SECONDS
from cluster.telemetry.hop import received
from cluster.telemetry.instruments import MemoryMeter
from cluster.telemetry.logs import JsonFormatter, TextFormatter, set_up
from cluster.telemetry.request import Request, hide, working_for
from cluster.telemetry.tracer import NO_TRACER
from deployments.metrics import ServiceMetrics
from naviyam.clock import FakeClock, SystemClock
from naviyam.dialogue.turn import Delta
from naviyam.settings import Settings

SAID = "김민수인데 파란우산찜닭 먹고싶어 010-1234-5678로 연락줘"
WORDS = ("김민수", "파란우산", "1234-5678", "12345678", "kid-0491", "맛없었음", "우리반")
CLIENT = ("httpx", "httpcore")
"""Loggers of the test's own client."""


@pytest.fixture
def lines():
    """Everything that is logged, at DEBUG, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter({"deployment": "Ingress", "replica": "r1"}))
    handler.addFilter(lambda record: not record.name.startswith(CLIENT))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def access(lines):
    return [line for line in lines() if line["logger"] == "deployments.access"]


async def everything(w):
    """Use every route with things that must stay out of the log; return the answers."""
    chat = {
        "user_id": "kid-0491",
        "message": SAID,
        "session_id": "kid-0491-s",
        "context": {"district": w.district},
    }
    ask = {"user_id": "kid-0491", "query": SAID}
    told = {
        "user_id": "kid-0491",
        "shop_id": w.catalog.shop_ids[0],
        "feedback_type": "rated",
        "satisfaction_score": 1,
        "review_text": "맛없었음, 우리반 김민수도",
    }
    http = w.client
    return [
        await http.post("/chat", json=chat),
        await http.post("/chat", json=chat, headers={"Accept": "text/event-stream"}),
        await http.post("/recommendations", json=ask),
        await http.post("/understand", json={"text": SAID, "user_id": "kid-0491"}),
        await http.post("/feedback", json=told),
        await http.get("/users/kid-0491", params={"why": SAID}),
        await http.put("/users/kid-0491", json={"age": 11}),
        await http.delete("/users/kid-0491"),
        await http.get(f"/nothing/{SAID}"),
        await http.post("/chat", content=SAID.encode()),
        await http.post("/chat", json={**chat, "message": SAID * 40}),
    ]


def test_nothing_of_what_was_said_is_in_a_line(served, lines):
    served(everything)
    held = json.dumps(lines(), ensure_ascii=False)
    assert len(access(lines)) == 11
    assert [word for word in WORDS if word in held] == []


class Quoting:
    """A part that fails as libraries do: in the words of what it was given."""

    def __getattr__(self, name):
        async def fail(*arguments, **more):
            raise ValueError(f"cannot use {SAID!r} of kid-0491")

        return fail


@pytest.mark.parametrize("part", ["retriever", "funnels", "ranker", "understander", "profiles"])
def test_a_part_that_fails_is_logged_without_its_words(served, lines, part):
    async def story(w):
        pipeline = w.service.runtimes.current.pipeline
        owner = (
            pipeline._answers._finder
            if part in ("retriever", "funnels", "ranker")
            else pipeline._ports
        )
        object.__setattr__(owner, part, Quoting())
        return await everything(w)

    answers = served(story)
    held = json.dumps(lines(), ensure_ascii=False)
    assert [word for word in WORDS if word in held] == []
    if part in ("understander", "profiles"):
        assert answers[0].status_code == 500
        assert answers[0].json()["request_id"] == answers[0].headers["x-request-id"]
        (failed,) = [x for x in lines() if "POST /chat failed" in x["message"]][:1]
        assert failed["error"]["type"].startswith("ValueError")
        assert any("pipeline.py" in at for at in failed["error"]["at"])
        assert failed["request_id"] == answers[0].headers["x-request-id"]
    else:
        assert any("failed: ValueError" in x["message"] for x in lines())


def test_an_access_line_says_what_happened(served, lines, service_of, state):
    meter = MemoryMeter()

    async def story(w):
        named = {"X-Request-Id": "order-7f3a.2"}
        problem = await w.client.get("/users/kid-0491", headers=named)
        quiet = await w.client.get("/healthz", headers={"X-Request-Id": "not well formed"})
        phone = await w.client.get("/healthz", headers={"X-Request-Id": "010-1234-5678"})
        return problem, quiet, phone

    problem, quiet, phone = served(story, service=service_of(state, metrics=ServiceMetrics(meter)))
    assert problem.headers["x-request-id"] == problem.json()["request_id"] == "order-7f3a.2"
    assert len(quiet.headers["x-request-id"]) == len(phone.headers["x-request-id"]) == 32
    first, second, _ = access(lines)
    assert first | {"time": "", "duration_ms": 0} == {
        "time": "",
        "level": "INFO",
        "logger": "deployments.access",
        "message": first["message"],
        "request_id": "order-7f3a.2",
        "deployment": "Ingress",
        "replica": "r1",
        "route": "/users/{user_id}",
        "method": "GET",
        "status": 404,
        "duration_ms": 0,
    }
    assert second["level"] == "DEBUG"
    assert meter.total(HTTP_REQUESTS, "/users/{user_id}", "GET", "404") == 1
    assert len(meter.values[HTTP_SECONDS.name, ("/healthz",)]) == 2


def test_a_stream_that_breaks_off_names_its_request_and_no_words(served, lines):
    async def broken(*asked):
        yield Delta("여기 ")
        raise ValueError(SAID)

    async def story(w):
        w.service.events = broken
        chat = {"user_id": "kid-0491", "message": SAID}
        return await w.client.post("/chat", json=chat, headers={"Accept": "text/event-stream"})

    answer = served(story)
    frame = answer.text.split("event: error\ndata: ")[1]
    assert json.loads(frame)["request_id"] == answer.headers["x-request-id"]
    assert "파란우산" not in json.dumps(lines(), ensure_ascii=False)
    assert access(lines)[-1]["status"] == 200


def test_the_other_end_of_a_call_works_for_the_same_request(lines):
    clock = FakeClock(current=SystemClock().now())
    with received({"request_id": "order-7f3a.2"}, NO_TRACER, "LLM.stream", clock=clock):
        clock.advance(0.25)
    (line,) = [x for x in lines() if x["logger"] == "deployments.calls"]
    assert (line["request_id"], line["duration_ms"]) == ("order-7f3a.2", 250)


def test_a_route_behind_a_prefix_is_named_whole(served, lines):
    async def story(w):
        await w.client.get("/admin/experiments")

    served(story)
    assert access(lines)[-1]["route"] == "/admin/experiments"


def record(message, *arguments, name="naviyam.x", **more):
    made = logging.LogRecord(
        name, logging.INFO, "f.py", 1, message, arguments, more.pop("exc", None)
    )
    made.__dict__.update(more)
    return made


def test_what_a_request_hides_is_hidden_wherever_it_comes_from():
    with working_for(Request(request_id="abcdefgh", trace_id="ab" * 16)):
        hide("밥", "떡볶이 먹고 싶어")
        line = JsonFormatter().values(record("밥: '떡볶이 먹고 싶어' in 김밥 %s", "010-1234-5678"))
        text = TextFormatter().format(record("밥"))
    assert line["message"] == "[hidden]: '[hidden]' in 김밥 [전화번호]"
    assert (line["request_id"], line["trace_id"]) == ("abcdefgh", "ab" * 16)
    assert text.endswith("INFO naviyam.x: [hidden] [abcdefgh]")


def test_an_error_is_its_types_and_lines():
    try:
        try:
            raise KeyError("비밀")
        except KeyError as e:
            raise ValueError("비밀") from e
    except ValueError as e:
        made = record("it failed", exc=(type(e), e, e.__traceback__))
    line = JsonFormatter().values(made)
    assert line["error"]["type"] == "ValueError from KeyError"
    assert "test_an_error_is" in line["error"]["at"][-1]
    assert "비밀" not in TextFormatter().format(made)


def test_a_line_of_serve_keeps_the_request_it_was_written_for():
    with working_for(Request(request_id="abcdefgh")):
        line = JsonFormatter().values(record("CALL", name="ray.serve", request_id="another-1"))
    assert line["request_id"] == "another-1"


@pytest.mark.parametrize(("form", "expected"), [("json", '"message": "said"'), ("text", ": said")])
def test_a_process_writes_as_the_settings_say(form, expected):
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        telemetry = Settings.parse({"telemetry": {"logs": form}}).telemetry
        set_up(telemetry, handlers=[logging.StreamHandler(stream)])
        logging.getLogger("cluster.jobs").info("said")
        logging.getLogger("elsewhere").info("not heard")
    finally:
        root.handlers = handlers
        root.setLevel(level)
    assert expected in stream.getvalue()
    assert "not heard" not in stream.getvalue()
