"""The main job, once, with everything real: Ray, Serve, vLLM, the adapter, HTTP. One start for all of it."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.conftest import NEAR, Service

pytestmark = pytest.mark.llm


def test_the_running_example(service: Service) -> None:
    answer = service.chat("급식카드 되는 치킨집 추천해줘")
    assert answer["recommendations"]
    for shop in answer["recommendations"]:
        assert shop["meal_card"] == "yes"
        assert shop["name"] in answer["response"]
    metadata = answer["metadata"]
    assert list(metadata["stages"])[:4] == ["receive", "orchestrate", "preprocess", "understand"]
    assert {"candidates", "rank", "write", "respond"} <= set(metadata["stages"])
    assert metadata["intent"] == "FOOD_RECOMMENDATION"
    assert metadata["versions"]


def test_the_model_writes_most_answers(service: Service) -> None:
    questions = (
        "치킨 먹고 싶어",
        "떡볶이 ㄱㄱ",
        "5천원으로 뭐 먹을까?",
        "근처 밥집 알려줘",
        "친구랑 먹을 데",
        "배고팡",
    )
    by = [service.chat(q)["metadata"]["written_by"] for q in questions]
    assert by.count("llm") >= 4, by


def test_a_stream_shows_shops_before_words(service: Service) -> None:
    body = {"user_id": "child-2", "message": "돈까스 먹고 싶어", "context": NEAR}
    with service.client.stream(
        "POST", "/chat", json=body, headers={"Accept": "text/event-stream"}
    ) as response:
        events = [line[7:] for line in response.iter_lines() if line.startswith("event: ")]
    assert events[:2] == ["understanding", "recommendations"]
    assert events[-1] == "done"
    assert events.count("delta") >= 2


def test_a_conversation_remembers(service: Service) -> None:
    first = service.chat("분식 추천해줘", user_id="child-3")
    session = {"session_id": first["session_id"], "user_id": "child-3"}
    cheaper = service.chat("더 싼 데는?", **session)
    price = min(m["price_won"] for r in first["recommendations"] for m in r["menus"])
    assert all(m["price_won"] < price for r in cheaper["recommendations"] for m in r["menus"])
    chosen = service.chat("1번 갈래", **session)
    assert len(chosen["recommendations"]) == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('{"user_id": "a", "message": ""}', 422),
        ('{"user_id": "a", "message": "%s"}' % ("가" * 10_000), 422),
        ('{"user_id": "a", "message": 5}', 422),
        ('{"user_id": "a", "mes', 422),
        ('{"user_id": "a", "message": "치킨", "context": {"latitude": "NaN"}}', 422),
        ('{"user_id": "../../etc", "message": "치킨"}', 422),
        ('{"user_id": "a", "message": "%s"}' % ("가" * 100_000), 413),
    ],
)
def test_bad_input_is_a_problem_and_no_harm(service: Service, content: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    response = service.client.post("/chat", content=content.encode(), headers=headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["code"]
    assert "Traceback" not in response.text
    assert service.client.get("/healthz").status_code == 200


def test_feedback_counts_once(service: Service) -> None:
    shop = service.chat("치킨 추천")["recommendations"][0]["shop_id"]
    body = {
        "user_id": "child-1",
        "shop_id": shop,
        "feedback_type": "clicked",
        "idempotency_key": "k1",
    }
    first, second = (service.client.post("/feedback", json=body) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert [first.json()["duplicate"], second.json()["duplicate"]] == [False, True]
    assert service.client.get("/shops/no-such-shop").status_code == 404


def official(service: Service, key: str) -> openai.OpenAI:
    """The `openai` client on the running service."""
    return openai.OpenAI(
        api_key=key,
        base_url=str(service.client.base_url.join("/v1/")),
        max_retries=0,
        http_client=httpx.Client(trust_env=False, timeout=60),
    )


def test_other_teams_use_the_model_with_the_official_client(service: Service) -> None:
    with pytest.raises(openai.AuthenticationError, match="not known"):
        official(service, "nv_guess").models.list()
    client = official(service, service.key)
    champion, *_, base = [m.id for m in client.models.list()]
    assert champion.startswith("nlg@")
    assert base == "smollm2-135m-instruct"
    assert client.models.retrieve("nlg").id == champion
    asked: Any = {
        "messages": [{"role": "user", "content": "Say hello in one short line."}],
        "temperature": 0,
        "max_tokens": 16,
    }
    for model in (champion, base):
        whole = client.chat.completions.create(model=model, **asked)
        assert whole.model == model
        assert 1 <= whole.usage.completion_tokens <= 16
        chunks = list(
            client.chat.completions.create(
                model=model, stream=True, stream_options={"include_usage": True}, **asked
            )
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == whole.choices[0].message.content
        assert chunks[-1].usage == whole.usage
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="nlg", tools=[{"type": "function"}], **asked)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "tools")


def test_other_teams_do_not_starve_children(service: Service) -> None:
    client = official(service, service.key)
    asked: Any = {"model": "nlg", "messages": [{"role": "user", "content": "치킨"}]}
    shape = {"type": "array", "items": {"type": "integer"}, "minItems": 400}
    endless: Any = {"type": "json_schema", "json_schema": {"name": "numbers", "schema": shape}}
    running = [
        client.chat.completions.create(
            **asked, max_tokens=500, response_format=endless, stream=True
        )
        for _ in range(2)
    ]
    with pytest.raises(openai.InternalServerError, match="max_running") as full:
        client.chat.completions.create(**asked)
    assert full.value.response.headers["retry-after"]
    assert service.chat("떡볶이 먹고 싶어", user_id="child-4")["metadata"]["written_by"] == "llm"
    for stream in running:
        stream.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            client.chat.completions.create(**asked, max_tokens=4)
            return
        except openai.InternalServerError:
            time.sleep(0.2)
    pytest.fail("closed streams went on")


def test_the_model_may_die_and_comes_back(service: Service) -> None:
    """Kill the LLM's replica; answers go on, degraded, and the model writes again by itself."""
    killed = [p for p in processes(service.mark) if b"LLM" in command_line(p)]
    assert killed, "the LLM replica was not found"
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    during = service.chat("치킨 먹고 싶어")
    assert during["metadata"]["degraded"] is True
    assert during["recommendations"]
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        again = service.chat("떡볶이 먹고 싶어", user_id="child-5")
        if again["metadata"]["written_by"] == "llm":
            return
        time.sleep(2)
    pytest.fail("the language model did not come back within 180 s")


def processes(mark: str) -> list[int]:
    wanted = f"NAVIYAM_RAY_SESSION={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
