import asyncio
import json

import pytest

from naviyam.feedback.reader import read_events

EIGHT = {"receive", "orchestrate", "preprocess", "understand", "candidates", "rank", "write", "respond"}  # fmt: skip


def test_a_chat_answers_with_real_shops(served):
    async def story(w):
        body = {
            "user_id": "kid-1",
            "message": "급식카드 되는 치킨집 추천해줘",
            "context": {"district": w.district},
        }
        response = await w.client.post("/chat", json=body)
        assert response.status_code == 200
        answer = response.json()
        assert set(answer) == {
            "interaction_id", "session_id", "response", "recommendations", "confidence",
            "response_time_s", "metadata",
        }  # fmt: skip
        assert 1 <= len(answer["recommendations"]) <= 3
        for r in answer["recommendations"]:
            assert r["shop_id"] in w.catalog.row_of
            assert r["meal_card"] in ("yes", "unknown")
            assert r["name"] in answer["response"]
        meta = answer["metadata"]
        assert set(meta["stages"]) == EIGHT
        assert meta["intent"] == "FOOD_RECOMMENDATION"
        assert meta["degraded"] is True
        assert meta["degraded_reason"] == "llm_disabled"
        assert meta["versions"]["catalogue"] == w.catalog.version
        records = list(read_events(w.events, "interactions"))
        mine = [r for r in records if r["interaction_id"] == answer["interaction_id"]]
        assert len(mine) == 1
        assert "kid-1" not in json.dumps(mine, ensure_ascii=False)

    served(story)


def test_a_stream_brings_shops_before_words(served):
    async def story(w):
        names = []
        async with w.client.stream(
            "POST",
            "/chat",
            json={"user_id": "k", "message": "떡볶이", "context": {"district": w.district}},
            headers={"Accept": "text/event-stream"},
        ) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    names.append(line.removeprefix("event: "))
        assert names[:2] == ["understanding", "recommendations"]
        assert names[-1] == "done"
        assert set(names[2:-1]) == {"delta"}

    served(story)


BAD_CHATS = [
    ({"user_id": "k", "message": ""}, "message"),
    ({"user_id": "k", "message": "   "}, "message"),
    ({"user_id": "k", "message": "가" * 10_000}, "message"),
    ({"user_id": "k", "message": "치\x00킨"}, "message"),
    ({"user_id": "k", "message": 5}, "message"),
    ({"user_id": "k", "message": ["치킨"]}, "message"),
    ({"user_id": "k"}, "message"),
    ({"user_id": "", "message": "치킨"}, "user_id"),
    ({"user_id": "../etc", "message": "치킨"}, "user_id"),
    ({"user_id": 7, "message": "치킨"}, "user_id"),
    ({"user_id": "k", "message": "치킨", "session_id": "a b"}, "session_id"),
    ({"user_id": "k", "message": "치킨", "colour": "red"}, "colour"),
    ({"user_id": "k", "message": "치킨", "context": {"latitude": 91.0, "longitude": 1.0}}, "context.latitude"),
    ({"user_id": "k", "message": "치킨", "context": {"latitude": "37", "longitude": 127.0}}, "context.latitude"),
    ({"user_id": "k", "message": "치킨", "context": {"latitude": 37.0}}, "context"),
    ({"user_id": "k", "message": "치킨", "context": {"time": "yesterday"}}, "context.time"),
    ({"user_id": "k", "message": "치킨", "context": {"time": "9999-12-31T23:59:59-23:00"}}, "context.time"),
    ({"user_id": "k", "message": "치킨", "context": 3}, "context"),
]  # fmt: skip


def assert_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert "Traceback" not in response.text
    return problem


def test_bad_chats_are_problems_that_name_the_field(served):
    async def story(w):
        for body, field in BAD_CHATS:
            response = await w.client.post("/chat", json=body)
            problem = assert_problem(response, 422, "invalid_input")
            assert problem["errors"][0]["field"] == field, body
        assert (await w.client.get("/healthz")).status_code == 200

    served(story)


def test_bodies_that_are_no_json_or_too_large(served):
    async def story(w):
        headers = {"Content-Type": "application/json"}
        for content in (b"{", b"", b"\xff\xfe", b"[" * 5_000, b'{"user_id": '):
            response = await w.client.post("/chat", content=content, headers=headers)
            assert response.status_code in (400, 422), content[:20]
            assert response.headers["content-type"] == "application/problem+json"
        nan = b'{"user_id":"k","message":"a","context":{"latitude":NaN,"longitude":127.0}}'
        response = await w.client.post("/chat", content=nan, headers=headers)
        assert_problem(response, 422, "invalid_input")
        big = b'{"user_id":"k","message":"' + b"a" * 70_000 + b'"}'
        assert_problem(await w.client.post("/chat", content=big, headers=headers), 413, "too_large")

        async def pieces():
            for _ in range(8):
                yield b"a" * 10_000

        response = await w.client.post("/chat", content=pieces(), headers=headers)
        assert_problem(response, 413, "too_large")

    served(story)


def test_recommendations_keep_the_filters_and_the_number(served):
    async def story(w):
        body = {
            "user_id": "k",
            "understanding": {"filters": {"budget_max": 6_000}, "semantic_query": "밥"},
            "context": {"district": w.district},
            "top_k": 5,
        }
        answer = (await w.client.post("/recommendations", json=body)).json()
        found = answer["recommendations"]
        assert 1 <= len(found) <= 5
        assert len(answer["explanations"]) == len(found)
        assert all(m["price_won"] <= 6_000 for r in found for m in r["menus"])
        first = found[0]["shop_id"]
        again = await w.client.post("/recommendations", json={**body, "exclude": [first]})
        assert first not in [r["shop_id"] for r in again.json()["recommendations"]]
        for wrong in ({"top_k": 21}, {"top_k": 0}, {"understanding": {"filters": {"x": 1}}}):
            response = await w.client.post("/recommendations", json={**body, **wrong})
            assert_problem(response, 422, "invalid_input")
        response = await w.client.post("/recommendations", json={"user_id": "k"})
        assert_problem(response, 422, "invalid_input")

    served(story)


def test_understand(served):
    async def story(w):
        text = "만원으로 치킨 먹을 수 있는 곳 있어?"
        answer = (await w.client.post("/understand", json={"text": text})).json()
        assert answer["intent"] == "BUDGET_FOOD_INQUIRY"
        assert answer["filters"] == {"budget_max": 10_000, "category": "치킨"}
        for e in answer["entities"]:
            assert 0 <= e["start"] < e["end"] <= len(text)

    served(story)


def test_feedback_is_accepted_once_and_survives_a_restart(served):
    async def story(w):
        shop = w.catalog.shop_ids[0]
        body = {
            "user_id": "k-feedback",
            "shop_id": shop,
            "feedback_type": "rated",
            "satisfaction_score": 5,
            "review_text": "맛있어요 010-1234-5678",
            "idempotency_key": "once",
        }
        first = await w.client.post("/feedback", json=body)
        assert first.status_code == 202
        assert first.json()["status"] == "success"
        assert first.json()["duplicate"] is False
        again = (await w.client.post("/feedback", json=body)).json()
        assert again["duplicate"] is True
        assert again["feedback_id"] == first.json()["feedback_id"]
        other = (await w.client.post("/feedback", json={**body, "user_id": "k2"})).json()
        assert other["duplicate"] is False
        response = await w.client.post("/feedback", json={**body, "shop_id": "nowhere"})
        assert_problem(response, 404, "not_found")
        for wrong in (
            {"feedback_type": "liked"},
            {"satisfaction_score": 6},
            {"order_amount_won": -1},
        ):
            response = await w.client.post("/feedback", json={**body, **wrong})
            assert_problem(response, 422, "invalid_input")
        return first.json()["feedback_id"]

    async def later(w):
        shop = w.catalog.shop_ids[0]
        body = {
            "user_id": "k-feedback",
            "shop_id": shop,
            "feedback_type": "rated",
            "idempotency_key": "once",
        }
        assert (await w.client.post("/feedback", json=body)).json()["duplicate"] is True
        records = [r for r in read_events(w.events, "feedback") if r["feedback_id"] == feedback_id]
        assert len(records) == 1
        assert "1234" not in records[0]["review_text"]

    feedback_id = served(story)
    served(later)


def test_shops_and_users(served):
    async def story(w):
        shop = w.catalog.shop_ids[0]
        answer = (await w.client.get(f"/shops/{shop}")).json()
        assert answer["shop_id"] == shop
        assert answer["menus"]
        assert_problem(await w.client.get("/shops/nowhere"), 404, "not_found")
        assert_problem(await w.client.get("/shops/%2e%2e%2fetc"), 404, "not_found")
        assert_problem(await w.client.get("/users/nobody"), 404, "not_found")
        profile = {"age": 12, "district": w.district, "dietary": ["allergy:땅콩"], "consent": True}
        made = await w.client.put("/users/kid-9", json=profile)
        assert made.json()["profile"]["age"] == 12
        assert made.json()["user_id"] == "kid-9"
        response = await w.client.put("/users/kid-9", json={"dietary": ["magic"]})
        assert_problem(response, 422, "invalid_input")

    served(story)


def test_deleting_a_user_removes_profile_memory_and_log(served):
    async def story(w):
        chat = {
            "user_id": "kid-gone",
            "session_id": "s",
            "message": "치킨",
            "context": {"district": w.district},
        }
        done = (await w.client.post("/chat", json=chat)).json()
        await w.client.put("/users/kid-gone", json={"age": 11})
        logged = {r["interaction_id"] for r in read_events(w.events, "interactions")}
        assert done["interaction_id"] in logged
        assert (await w.client.delete("/users/kid-gone")).json()["deleted"] is True
        assert_problem(await w.client.get("/users/kid-gone"), 404, "not_found")
        logged = {r["interaction_id"] for r in read_events(w.events, "interactions")}
        assert done["interaction_id"] not in logged
        select = await w.client.post("/chat", json={**chat, "message": "첫 번째 거 갈래"})
        assert select.json()["recommendations"] == []
        again = select.json()["interaction_id"]
        assert again in {r["interaction_id"] for r in read_events(w.events, "interactions")}

    served(story)


def test_without_consent_nothing_is_collected(served):
    async def story(w):
        await w.client.put("/users/kid-no", json={"consent": False})
        chat = {"user_id": "kid-no", "message": "치킨", "context": {"district": w.district}}
        done = (await w.client.post("/chat", json=chat)).json()
        assert done["metadata"]["recorded"] is False
        logged = {r["interaction_id"] for r in read_events(w.events, "interactions")}
        assert done["interaction_id"] not in logged
        feedback = {
            "user_id": "kid-no",
            "shop_id": w.catalog.shop_ids[0],
            "feedback_type": "clicked",
        }
        answer = (await w.client.post("/feedback", json=feedback)).json()
        assert answer["collected"] is False
        logged = {r["feedback_id"] for r in read_events(w.events, "feedback")}
        assert answer["feedback_id"] not in logged

    served(story)


def test_operations(served):
    async def story(w):
        ready = (await w.client.get("/readyz")).json()
        assert ready["status"] == "ready"
        assert (ready["index"], ready["ranker"], ready["llm"]) == ("ok", "ok", "disabled")
        version = (await w.client.get("/version")).json()
        assert version["catalogue"] == w.catalog.version
        assert version["ranker"]
        assert_problem(await w.client.get("/nothing"), 404, "not_found")
        assert_problem(await w.client.get("/chat"), 405, "method_not_allowed")
        page = await w.client.get("/")
        assert page.status_code == 200
        assert "나비얌" in page.text
        paths = (await w.client.get("/openapi.json")).json()["paths"]
        assert {"/chat", "/recommendations", "/feedback", "/users/{user_id}"} <= set(paths)

    served(story)


def test_too_many_at_once_are_refused_with_retry_after(served):
    async def story(w):
        body = {"user_id": "k", "message": "치킨", "context": {"district": w.district}}
        answers = await asyncio.gather(*(w.client.post("/chat", json=body) for _ in range(12)))
        codes = {r.status_code for r in answers}
        assert codes == {200, 503}
        refused = next(r for r in answers if r.status_code == 503)
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await w.client.post("/chat", json=body)).status_code == 200

    served(story, serving={"max_concurrent_chats": 2})


def test_a_child_who_types_too_fast_is_asked_to_wait(served):
    async def story(w):
        body = {"user_id": "k-fast", "message": "치킨", "context": {"district": w.district}}
        stream = {"Accept": "text/event-stream"}
        assert (await w.client.post("/chat", json=body)).status_code == 200
        answer = await w.client.post("/chat", json=body, headers=stream)
        assert "event: done" in answer.text
        assert '"user_chats";r=0' in answer.headers["ratelimit"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        for headers in ({}, stream):
            refused = await w.client.post("/chat", json=body, headers=headers)
            assert_problem(refused, 429, "rate_limited")
            assert 29 <= int(refused.headers["retry-after"]) <= 30
        assert (await w.client.get("/users/k-fast")).status_code != 429, "a quota of its own"
        search = {"user_id": "k-fast", "query": "치킨", "context": {"district": w.district}}
        assert (await w.client.post("/recommendations", json=search)).status_code == 200
        other = {**body, "user_id": "k-other"}
        assert (await w.client.post("/chat", json=other)).status_code == 200

    served(story, access={"limited": True, "user_chats": {"requests": 2}})


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_time_runs_out(served, accept):
    async def story(w):
        async def slow(text, turns):
            await asyncio.sleep(5)

        ports = w.service.runtimes.current.pipeline._ports
        object.__setattr__(
            ports, "understander", type("Slow", (), {"understand": staticmethod(slow)})
        )
        body = {"user_id": "k", "message": "치킨"}
        response = await w.client.post("/chat", json=body, headers={"Accept": accept})
        if accept == "application/json":
            assert_problem(response, 503, "timeout")
        else:
            assert "event: error" in response.text
            assert '"code": "timeout"' in response.text

    writing = {"first_token_timeout_s": 0.1, "total_timeout_s": 0.2}
    served(story, serving={"request_timeout_s": 0.4}, writing=writing)
