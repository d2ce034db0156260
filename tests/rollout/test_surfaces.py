"""Experiments by command line and over HTTP: the same verbs, the same refusals."""

import json

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from cluster.audit.entry import MemoryAudit
from cluster.cli.main import run
from cluster.monitoring.store import MemoryAlertStore
from cluster.rollout.part import MemoryFleet, RolloutPart
from deployments import problems
from deployments.access.keyring import Keyring
from deployments.admin import experiments, models
from deployments.admin.acts import recorded
from deployments.admin.keys import load_or_create_admin_key, require_key
from deployments.admin.open import Control
from naviyam.settings import Settings
from tests.rollout.crowd import crowd


@pytest.fixture
def part(rollouts):
    class Nothing:
        def seen(self, experiment):
            return ()

    return RolloutPart(
        rollouts=rollouts, fleet=MemoryFleet(), observer=Nothing(), alarms=MemoryAlertStore()
    )


@pytest.fixture
def client(part, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    control = Control(part.rollouts.settings)
    control.__dict__["rollouts"] = part
    app = FastAPI()
    problems.install(app, retry_after_s=1)
    control.__dict__["audit"] = MemoryAudit()
    keyring = Keyring.of(settings)
    acts = [Depends(require_key(keyring)), Depends(recorded(control), scope="function")]
    app.include_router(experiments.routes(control), dependencies=acts)
    app.include_router(models.routes(control), dependencies=acts)
    key = load_or_create_admin_key(settings)
    headers = {"authorization": f"Bearer {key}"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)


def test_an_experiment_over_http(client, part):
    begun = client.post("/experiments", json={"layer": "ranker", "who": "kim"})
    assert begun.status_code == 201
    assert begun.json()["offline_gain"] == 0.05
    identity = begun.json()["id"]
    assert part.fleet.held.splits[0].weight == 0.1
    moved = client.post(f"/experiments/{identity}", json={"action": "weight", "weight": 0.25})
    assert moved.json()["weight"] == 0.25
    shown = client.get(f"/experiments/{identity}").json()
    assert shown["verdict"]["action"] == "hold"
    assert [line["what"] for line in shown["history"]] == ["start", "weight"]
    table = client.get("/traffic").json()
    assert table["handed_over"] == table["revision"]
    ended = client.post(f"/experiments/{identity}", json={"action": "rollback", "why": "wrong"})
    assert ended.json()["state"] == "rolled_back"
    assert part.fleet.held.splits == ()
    assert client.get("/models").json()["ranker"]["challenger"] is None


def test_refusals_over_http_are_problems(client):
    assert client.get("/experiments/none").status_code == 404
    assert client.post("/experiments", json={"layer": "weather"}).status_code == 422
    client.post("/experiments", json={"layer": "ranker"})
    again = client.post("/experiments", json={"layer": "ranker"})
    assert (again.status_code, "end it first" in again.json()["detail"]) == (409, True)
    identity = client.get("/experiments").json()["experiments"][0]["id"]
    without = client.post(f"/experiments/{identity}", json={"action": "weight"})
    assert (without.status_code, without.json()["errors"][0]["field"]) == (422, "weight")


def test_a_model_is_rolled_back_over_http(client, part):
    old = part.rollouts.registry.alias("ranker", "champion").version
    assert client.post("/models/ranker", json={"action": "promote"}).json()["act"] == "promote"
    back = client.post("/models/ranker", json={"action": "rollback", "why": "worse"}).json()
    assert (back["version"], back["why"]) == (old, "worse")
    assert [e["act"] for e in client.get("/models/ranker").json()["history"]] == [
        "promote",
        "promote",
        "rollback",
    ]


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NAVIYAM__SERVING__PORT", "1")
    monkeypatch.setenv("NAVIYAM__SERVING__DASHBOARD_PORT", "1")
    monkeypatch.setenv("NAVIYAM__RETRIEVAL__VARIANTS", "{words: {dense_weight: 0.1}}")

    def call(*arguments, code=0):
        assert run(["experiment", *arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


def test_an_experiment_on_the_command_line_without_a_service(ask):
    begun = ask("start", "retriever", "words", "--weight", "0.3")
    assert (begun["weight"], begun["carried"]) == (0.3, False)
    assert ask("pause", begun["id"], "--why", "lunch")["state"] == "paused"
    assert ask("resume", begun["id"])["weight"] == 0.3
    assert ask("abort", begun["id"])["state"] == "aborted"
    assert ask("list", "--open") == {"experiments": []}
    assert "no variant" in ask("start", "retriever", "meaning", code=1)["error"]
    assert "none of adapter" in ask("start", "weather", code=1)["error"]


def test_a_recorded_stream_on_the_command_line(ask, tmp_path):
    stream = tmp_path / "stream.jsonl"
    stream.write_text("\n".join(json.dumps(s.to_dict()) for s in crowd(900, clicks=(0.1, 0.6))))
    found = ask("analyse", str(stream), "--offline-gain", "0.05", "--weight", "0.5")
    assert found["verdict"]["action"] == "promote"
    assert found["analysis"]["differences"]["ctr"]["absolute"]["low"] > 0
    assert "no stream" in ask("analyse", str(tmp_path / "none"), code=1)["error"]
