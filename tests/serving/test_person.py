"""A person's profile, consent and deletion, end to end: service, event log, and the data sets made of it afterwards."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.access.keys import Role, new_key, new_secret
from cluster.access.sql_store import SqlKeys
from cluster.database import database_url
from naviyam.clock import SystemClock
from naviyam.feedback.reader import read_events
from training.datasets.run import make_sets, open_sources

SETS = ("nlg", "nlu", "ranker")
LIKES = {"favorite_categories": ["분식"], "budget_won": 6_000, "age": 12}


@pytest.fixture
def own_state(state, tmp_path):
    """A state folder of this test alone: everything published, nobody's records."""
    folder = tmp_path / "state"
    shutil.copytree(state, folder, ignore=shutil.ignore_patterns("events", "*.db*", "secrets"))
    return folder


class Child:
    """One child at a client."""

    def __init__(self, world, name):
        self.world, self.name = world, name

    async def put(self, **profile):
        answer = await self.world.client.put(f"/users/{self.name}", json=profile)
        assert answer.status_code == 200
        return answer.json()

    async def chat(self, message):
        body = {
            "user_id": self.name,
            "message": message,
            "context": {"district": self.world.district},
        }
        answer = await self.world.client.post("/chat", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def order(self, answer):
        body = {
            "user_id": self.name,
            "shop_id": answer["recommendations"][0]["shop_id"],
            "feedback_type": "ordered",
            "interaction_id": answer["interaction_id"],
            "satisfaction_score": 5,
        }
        told = await self.world.client.post("/feedback", json=body)
        assert told.status_code == 202
        return told.json()

    async def ranked(self):
        body = {
            "user_id": self.name,
            "query": "맛있는 거 먹고 싶어",
            "context": {"district": self.world.district, "time": "2026-11-27T12:30:00+09:00"},
        }
        answer = await self.world.client.post("/recommendations", json=body)
        assert answer.status_code == 200
        return [(r["shop_id"], r["score"]) for r in answer.json()["recommendations"]]


def logged(world, kind="interactions"):
    field = "interaction_id" if kind == "interactions" else "feedback_id"
    return {record[field] for record in read_events(world.events, kind)}


def learned(world, later):
    """Return the answers that data sets made now hold, by set."""
    settings = world.service.settings
    made = make_sets(
        open_sources(settings, SystemClock().now() + timedelta(seconds=later)), SETS, code_version="t"
    )  # fmt: skip
    found = {}
    for name, told in made.items():
        told = told.to_dict()
        parts = Path(told["folder"]).glob("*.parquet") if "folder" in told else ()
        found[name] = {
            i for part in parts for i in pq.read_table(part)["interaction_id"].to_pylist()
        }
    return found


OPTIONS = {"learning": {"min_samples": 1}, "ranker": {"exploration": 0.0}}


def test_a_deleted_child_is_gone_from_profile_memory_log_and_later_sets(
    served, service_of, own_state
):
    async def story(w):
        w.events = own_state / "events"
        gone, stays = Child(w, "kid-gone"), Child(w, "kid-stays")
        answers = {}
        for child in (gone, stays):
            await child.put(**LIKES)
            answers[child] = []
            for message in ("떡볶이 먹고 싶어", "치킨 추천해줘", "만원 이하 돈까스 어디가 좋아?"):
                answer = await child.chat(message)
                await child.order(answer)
                answers[child].append(answer["interaction_id"])
        assert {*answers[gone], *answers[stays]} <= logged(w)
        before = learned(w, 1)
        assert set(answers[gone]) <= before["ranker"]
        assert set(answers[gone]) & before["nlg"]
        assert set(answers[gone]) & before["nlu"]

        told = await w.client.delete("/users/kid-gone")
        assert told.json() == {"user_id": "kid-gone", "deleted": True}
        assert (await w.client.get("/users/kid-gone")).status_code == 404
        assert (await w.client.delete("/users/kid-gone")).status_code == 200, "idempotent"
        assert not set(answers[gone]) & logged(w)
        again = await gone.chat("첫 번째 거 갈래")
        assert again["recommendations"] == [], "the conversation is forgotten"
        for message in ("김밥 먹고 싶어", "라면 먹고 싶어"):  # a new set needs something new
            await stays.order(await stays.chat(message))
        after = learned(w, 3_600)
        assert set(answers[stays]) <= after["ranker"]
        for name in SETS:
            assert not set(answers[gone]) & after[name], name
        assert set(answers[stays]) <= logged(w)
        whole = "".join(p.read_text("utf-8") for p in w.events.rglob("*.jsonl"))
        assert "kid-gone" not in whole, "only the pseudonym was ever written"

    served(story, service=service_of(own_state, **OPTIONS))


def test_without_consent_nothing_is_personal_collected_or_learned(served, service_of, own_state):
    async def story(w):
        w.events = own_state / "events"
        child, stranger = Child(w, "kid-quiet"), Child(w, "kid-stranger")
        await child.put(**LIKES)
        personal, plain = await child.ranked(), await stranger.ranked()
        assert personal != plain, "a profile changes what is recommended"
        for message in ("떡볶이 먹고 싶어", "돈까스 먹고 싶어"):
            first = await child.chat(message)
            await child.order(first)
        assert first["interaction_id"] in learned(w, 1)["ranker"]

        kept = await child.put(consent=False, **LIKES)
        assert kept["consent"] is False
        assert not any(kept["profile"].values()), "what was told is dropped with the consent"
        assert await child.ranked() == plain
        interactions, feedback = logged(w), logged(w, "feedback")
        second = await child.chat("치킨 추천해줘")
        assert second["metadata"]["recorded"] is False
        assert (await child.order(second))["collected"] is False
        assert logged(w) == interactions
        assert logged(w, "feedback") == feedback
        for message in ("김밥 먹고 싶어", "라면 먹고 싶어"):
            await stranger.order(await stranger.chat(message))
        later = learned(w, 3_600)["ranker"]
        assert later, "others are learned from"
        assert first["interaction_id"] not in later, "nor what was collected while it was agreed to"
        said = json.dumps(await child.chat("아까 거 말고"), ensure_ascii=False)
        assert "kid-quiet" not in said

        await child.put(**LIKES)
        assert await child.ranked() == personal

    served(story, service=service_of(own_state, **OPTIONS))


def test_keys_reach_the_users_of_their_own_space_and_no_others(served, service_of, own_state):
    async def story(w):
        keys, now = SqlKeys(database_url(w.service.settings)), SystemClock().now()

        def key(name, users):
            secret = new_secret()
            keys.add(new_key(secret, name=name, role=Role.CLIENT, now=now, by="t", users=users))
            return {"Authorization": f"Bearer {secret}"}

        school, second, other = key("school", "s"), key("school-2", "s"), key("other", "o")

        async def call(method, headers, **more):
            answer = await w.client.request(method, "/users/kid-1", headers=headers, **more)
            return answer.status_code

        assert await call("PUT", school, json={"age": 12}) == 200
        assert await call("GET", second) == 200, "one space, one child"
        for stranger in (other, {}):
            assert await call("GET", stranger) == 404
            assert await call("DELETE", stranger) == 200, "of one's own kid-1, who is nobody"
        assert await call("GET", school) == 200
        body = {"user_id": "kid-1", "message": "치킨", "context": {"district": w.district}}
        for headers in (school, other):
            assert (await w.client.post("/chat", json=body, headers=headers)).status_code == 200
        w.events = own_state / "events"
        assert len({r["user_id"] for r in read_events(w.events, "interactions")}) == 2
        assert await call("DELETE", second) == 200
        assert await call("GET", school) == 404
        assert len({r["user_id"] for r in read_events(w.events, "interactions")}) == 1

    served(story, service=service_of(own_state))
