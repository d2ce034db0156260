"""The goal state: what replicas are told beside the settings, so that a restart loses no experiment and no adapter."""

import json
from pathlib import Path

from cluster.ray_io.serve import declaration
from cluster.registry.champion import Champion
from cluster.rollout.traffic import Split, Traffic
from naviyam.settings import Settings

ADAPTERS = Path(__file__).parents[2] / "adapters"
TRAFFIC = Traffic(
    revision=4,
    splits=tuple(
        Split(
            layer=layer, experiment=f"x-{layer}", salt="s", weight=0.1, stable="a", candidate="v2"
        )
        for layer in ("adapter", "ranker")
    ),
)


def told(tmp_path, *, traffic=TRAFFIC, adapters=(), **sections):
    settings = Settings.parse(
        {"paths": {"state": str(tmp_path), "adapters": str(ADAPTERS)}, **sections}
    )
    goal = declaration(settings, Path("a.yaml"), traffic=traffic, adapters=adapters)
    (application,) = json.loads(json.dumps(goal))["applications"]
    assert application["args"] == {"config": "a.yaml"}
    return {d["name"]: d["user_config"] for d in application["deployments"]}


def test_the_ingress_is_told_its_traffic_and_the_model_the_candidate_beside_the_champion(tmp_path):
    found = told(tmp_path)
    assert Traffic.parse(found["Ingress"]["traffic"]) == TRAFFIC
    folder = tmp_path / "models" / "nlg" / "v2"
    assert found["LLM"] == {"adapters": [{"name": "nlg", "version": "v2", "path": str(folder)}]}


def test_the_adapter_that_reads_messages_stays(tmp_path):
    more = Champion(name="tone", version="1", folder=tmp_path / "tone")
    found = told(tmp_path, adapters=(more,), nlu={"llm": True})
    assert [a["name"] for a in found["LLM"]["adapters"]] == ["nlu", "nlg", "tone"]
    assert Path(found["LLM"]["adapters"][0]["path"]) == ADAPTERS / "nlu"


def test_where_no_model_runs_none_is_told_anything(tmp_path):
    assert told(tmp_path, traffic=Traffic(), llm={"enabled": False}) == {
        "Ingress": {"traffic": {"revision": 0, "splits": [], "defaults": {}}}
    }
