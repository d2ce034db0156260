"""What the service collects, after a restart and a compaction: kept once, forgotten when asked, nothing without consent."""

import asyncio
import json

import pytest

from naviyam.clock import SystemClock
from naviyam.feedback.compaction import compact
from naviyam.feedback.query import query
from naviyam.feedback.reader import read_events
from naviyam.feedback.store import EventStore


def compacted(state):
    store = EventStore(state / "events")
    compact(store, SystemClock(), raw_text_days=30, merge_up_to_bytes=1e9)
    assert store.stems("interactions") == []
    return store


def rows(store, sql):
    return list(query(store, sql, limit=1_000).rows)


def test_the_log_keeps_its_promises_through_compaction(state, served):
    made = {}

    async def before(w):
        await w.client.put("/users/kid-silent", json={"consent": False})
        for user in ("kid-stays", "kid-leaves", "kid-silent"):
            chat = {"user_id": user, "message": "치킨", "context": {"district": w.district}}
            made[user] = (await w.client.post("/chat", json=chat)).json()["interaction_id"]
            click = {
                "user_id": user,
                "shop_id": w.catalog.shop_ids[0],
                "feedback_type": "clicked",
                "interaction_id": made[user],
                "idempotency_key": "tap-1",
            }
            made[user, "click"] = (await w.client.post("/feedback", json=click)).json()
        assert made["kid-stays", "click"]["duplicate"] is False

    async def after(w):
        again = {
            "user_id": "kid-stays",
            "shop_id": w.catalog.shop_ids[0],
            "feedback_type": "clicked",
            "idempotency_key": "tap-1",
        }
        answer = (await w.client.post("/feedback", json=again)).json()
        assert answer["duplicate"] is True
        assert answer["feedback_id"] == made["kid-stays", "click"]["feedback_id"]
        await w.client.delete("/users/kid-leaves")

    served(before)
    store = compacted(state)
    joined = (
        "SELECT i.interaction_id, len(i.shown[1].wide), i.shown[1].propensity, i.variants['ranker'], "
        "i.versions['ranker'] <> '' FROM interactions AS i JOIN feedback AS f USING (interaction_id)"
    )
    found = {row[0]: row[1:] for row in rows(store, joined)}
    width, propensity, *rest = found[made["kid-stays"]]
    assert (width, *rest) == (50, "stable", True)
    assert 0 < propensity <= 1
    assert made["kid-leaves"] in found
    assert made["kid-silent"] not in found
    served(after)
    assert made["kid-leaves"] not in {row[0] for row in rows(store, joined)}
    store = compacted(state)
    assert made["kid-stays"] in {row[0] for row in rows(store, joined)}
    for path in store.spool.rglob("*.parquet"):
        data = path.read_bytes()
        assert made["kid-leaves"].encode() not in data
        assert made["kid-silent"].encode() not in data
    key = made["kid-stays", "click"]["feedback_id"]
    assert rows(store, f"SELECT count(*) FROM feedback WHERE feedback_id = '{key}'") == [(1,)]


@pytest.mark.parametrize("route", ["chat", "recommendations"])
def test_a_request_that_failed_is_kept_without_a_word_and_only_of_who_agreed(state, served, route):
    async def story(w):
        async def broken(text, turns):
            if route == "chat":
                await asyncio.sleep(5)
            raise RuntimeError("bug")

        ports = w.service.runtimes.current.pipeline._ports
        understander = type("Broken", (), {"understand": staticmethod(broken)})
        object.__setattr__(ports, "understander", understander)
        await w.client.put("/users/kid-silent", json={"consent": False})
        said = {"chat": "message", "recommendations": "query"}[route]
        for user in ("kid-fails", "kid-silent"):
            body = {"user_id": user, said: "몰래 치킨"}
            statuses.append((await w.client.post(f"/{route}", json=body)).status_code)

    def failures():
        events = read_events(EventStore(state / "events"), "interactions")
        return [r for r in events if r.get("error") and r["route"] == route]

    statuses = []
    before = {r["interaction_id"] for r in failures()}
    writing = {"first_token_timeout_s": 0.1, "total_timeout_s": 0.2}
    served(story, serving={"request_timeout_s": 0.3}, writing=writing)
    code = {"chat": "timeout", "recommendations": "internal"}[route]
    assert statuses == [503 if route == "chat" else 500] * 2
    (record,) = [r for r in failures() if r["interaction_id"] not in before]
    assert (record["error"], record["shown"], record["variants"]["ranker"]) == (code, [], "stable")
    assert record["response_time_s"] >= (0.3 if route == "chat" else 0)
    assert "몰래" not in json.dumps(record, ensure_ascii=False)


def test_what_a_simulated_user_causes_says_so(state, served):
    async def story(w):
        for name, mark in (("sim_1", {"simulated": True}), ("kid-real", {})):
            context = {"district": w.district, **mark}
            asked = {"user_id": name, "query": "치킨", "context": context}
            found = (await w.client.post("/recommendations", json=asked)).json()
            chat = {"user_id": name, "message": "치킨", "context": context}
            await w.client.post("/chat", json=chat)
            click = {"user_id": name, "shop_id": w.catalog.shop_ids[0], **mark}
            click |= {"feedback_type": "clicked", "interaction_id": found["interaction_id"]}
            await w.client.post("/feedback", json=click)
            marks[found["interaction_id"]] = mark.get("simulated")

    marks = {}
    served(story)
    store = compacted(state)
    ids = ", ".join(f"'{i}'" for i in marks)
    for table in ("interactions", "feedback"):
        said = rows(
            store, f"SELECT interaction_id, simulated FROM {table} WHERE interaction_id IN ({ids})"
        )
        assert dict(said) == marks
    assert rows(
        store, "SELECT route, count(*) FROM interactions WHERE simulated GROUP BY 1 ORDER BY 1"
    ) == [("chat", 1), ("recommendations", 1)]
