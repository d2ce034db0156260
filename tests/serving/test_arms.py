"""The traffic table of a process, and a second ranker in it: who is asked, who waits, who answers when it is broken."""

import asyncio
import json
import shutil

import pytest

from cluster.rollout.traffic import Split, Traffic
from cluster.traffic_file import publish_traffic, traffic_path
from deployments.ingress import traffic_table
from deployments.traffic import TrafficTable
from naviyam import versions
from naviyam.errors import ArtifactError, ConflictError, InputError
from naviyam.feedback.reader import read_events
from naviyam.feedback.store import EventStore
from naviyam.ids import pseudonym


def table(revision, weight=1.0, *, layer="ranker", candidate="r2"):
    split = Split(
        layer=layer, experiment="x1", salt="s", weight=weight, stable="r1", candidate=candidate
    )
    return Traffic(revision=revision, splits=(split,))


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_older_table_is_left_alone():
    held = TrafficTable({})
    assert held.arms("u") == {}
    assert held.take(table(3, 1.0))
    assert not held.take(table(2, 0.0))
    assert not held.take(table(3, 0.0))
    assert held.arms("u")["ranker"].name == "candidate"
    assert held.take(table(4, 0.0))
    assert held.arms("u")["ranker"].name == "stable"
    assert held.take(Traffic(revision=5))
    assert held.arms("u") == {}


async def test_a_candidate_gets_nobody_before_it_is_loaded_and_weights_never_wait():
    gate, asked = asyncio.Event(), []

    async def load(version):
        asked.append(version)
        await gate.wait()

    held = TrafficTable({"ranker": load})
    held.take(table(1, 1.0))
    await settled()
    assert (held.held.revision, held.waiting, held.arms("u")) == (1, ("ranker",), {})
    gate.set()
    await settled()
    assert held.waiting == ()
    assert held.arms("u")["ranker"].name == "candidate"
    gate.clear()
    held.take(table(2, 0.0))
    assert held.arms("u")["ranker"].name == "stable"
    assert asked == ["r2"]
    held.take(table(3, 1.0, candidate="r3"))
    await settled()
    assert held.arms("u") == {}
    held.take(Traffic(revision=4))
    assert held.waiting == ()
    held.take(table(5, 1.0))
    await settled()
    assert asked == ["r2", "r3", "r2"]


@pytest.mark.parametrize("fault", ["broken", "late"])
async def test_a_candidate_that_cannot_be_loaded_gets_its_users_and_its_errors(fault):
    async def load(version):
        if fault == "broken":
            raise ArtifactError("torn")
        await asyncio.sleep(60)

    held = TrafficTable({"ranker": load}, prepare_timeout_s=0.01)
    held.take(table(1))
    await asyncio.sleep(0.05)
    assert held.waiting == ()
    assert held.arms("u")["ranker"].name == "candidate"


@pytest.fixture
def two_rankers(state, tmp_path):
    """A state whose ranker has a second version `r2` that scores otherwise, and a torn one."""
    own = tmp_path / "state"
    shutil.copytree(state, own)
    root = own / "models" / "ranker"
    current = versions.current(root)
    shutil.copytree(current, root / "r2")
    shutil.copytree(current, root / "torn")
    (root / "torn" / "model.safetensors").write_bytes(b"torn")
    return own


def config(traffic):
    return {"traffic": json.loads(json.dumps(traffic.to_dict()))}


async def ask(w, user, route="chat"):
    said = "message" if route == "chat" else "query"
    body = {"user_id": user, said: "김밥 먹고 싶어", "context": {"district": w.district}}
    response = await w.client.post(f"/{route}", json=body)
    assert response.status_code == 200
    return response.json()["metadata"]


async def ready(w):
    while w.service.traffic.waiting:
        await asyncio.sleep(0.01)


def test_a_second_ranker_answers_its_arm_in_the_same_process(two_rankers, service_of, served):
    service = service_of(two_rankers)

    async def story(w):
        serving = w.service.runtimes.current.pipeline.versions["ranker"]
        assert (await ask(w, "kid"))["experiments"] == {}
        assert service.take(config(table(1, 0.5)))
        assert not service.take(config(table(1, 1.0)))
        await ready(w)
        held = (await w.client.get("/healthz")).json()
        assert (held["traffic"], held["waiting"], held["replica"]) == (1, [], "local")
        assert (await w.client.get("/version")).json()["traffic"] == 1
        assert traffic_table(service)["splits"] == table(1, 0.5).to_dict()["splits"]
        seen = set()
        for user in (f"kid{i}" for i in range(12)):
            for route in ("chat", "recommendations"):
                meta = await ask(w, user, route)
                name = meta["experiments"]["ranker"]["arm"]
                own = pseudonym(user, key=w.service._state.key)
                assert name == table(1, 0.5).arms(own)["ranker"].name
                assert meta["variant"] == name
                assert meta["versions"]["ranker"] == ("r2" if name == "candidate" else serving)
                seen.add(name)
        assert seen == {"stable", "candidate"}
        await w.client.put("/users/kid-silent", json={"consent": False})
        service.take(config(table(2, 1.0)))
        assert (await ask(w, "kid-silent"))["experiments"] == {}

    served(story, service=service)
    records = list(read_events(EventStore(two_rankers / "events"), "interactions"))
    assert len([r for r in records if r.get("experiments")]) == 24
    assert {r["versions"]["ranker"] for r in records if r["variants"]["ranker"] == "candidate"} == {
        "r2"
    }


def test_a_torn_ranker_costs_no_answer_and_is_its_arms_error(two_rankers, service_of, served):
    service = service_of(two_rankers)

    async def story(w):
        serving = w.service.runtimes.current.pipeline.versions["ranker"]
        service.take(config(table(1, 1.0, candidate="torn")))
        await ready(w)
        meta = await ask(w, "kid")
        assert meta["arm_errors"] == ["ranker"]
        assert meta["versions"]["ranker"] == serving
        assert meta["method"].endswith("wide_deep")
        service.take(config(Traffic(revision=2)))
        assert (await ask(w, "kid"))["arm_errors"] == []

    served(story, service=service)


def test_retriever_and_prompt_try_what_the_settings_name(two_rankers, service_of, served):
    service = service_of(
        two_rankers,
        retrieval={"variants": {"words": {"dense_weight": 0.0}}},
        writing={"variants": {"calm": {"max_emoji": 0}}},
    )
    splits = (
        *table(1, layer="retriever", candidate="words").splits,
        *table(1, layer="prompt", candidate="calm").splits,
    )

    async def story(w):
        service.take(config(Traffic(revision=1, splits=splits)))
        meta = await ask(w, "kid")
        assert (meta["versions"]["retriever"], meta["versions"]["prompt"]) == ("words", "calm")
        assert meta["arm_errors"] == []
        service.take(config(table(2, layer="retriever", candidate="nowhere")))
        meta = await ask(w, "kid")
        assert (meta["versions"]["retriever"], meta["versions"]["prompt"]) == ("default", "default")
        assert meta["arm_errors"] == ["retriever"]

    served(story, service=service)


def test_what_is_no_table_is_refused(two_rankers, service_of, served):
    service = service_of(two_rankers)

    async def story(w):
        with pytest.raises(InputError, match="splits"):
            service.take({"traffic": {"revision": 1, "splits": [{"layer": "ranker"}]}})
        assert not service.take({})
        assert service.traffic.held.revision == 0

    served(story, service=service)


def test_a_published_table_is_followed_also_after_a_restart(two_rankers, service_of, served):
    settings = service_of(two_rankers).settings

    async def taken(w, revision):
        while w.service.traffic.held.revision < revision:
            await asyncio.sleep(0.01)
        await ready(w)

    async def first(w):
        publish_traffic(settings, table(4, 1.0))
        await taken(w, 4)
        assert (await ask(w, "kid"))["variant"] == "candidate"
        traffic_path(settings).write_text("torn")
        await asyncio.sleep(0.6)
        assert w.service.traffic.held.revision == 4
        publish_traffic(settings, table(5, 1.0))
        with pytest.raises(ConflictError, match="revision 5 was published"):
            publish_traffic(settings, table(3))

    async def again(w):
        await taken(w, 5)
        assert (await ask(w, "kid"))["variant"] == "candidate"

    served(first, service=service_of(two_rankers))
    served(again, service=service_of(two_rankers))
