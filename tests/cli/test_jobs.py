"""The verbs of queue and schedule without a controller and without Ray."""

import json

import pytest

from cluster.cli.main import run
from cluster.ray_io.probes import LoadProbe, load_of


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Run a command line with --json; return its exit code and document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))

    def call(*words):
        code = run(["--json", *words])
        return code, json.loads(capsys.readouterr().out)

    return call


def test_a_job_is_submitted_listed_shown_and_cancelled(ask):
    code, job = ask("jobs", "submit", "lora", "--priority", "3", "--", "--max-steps", "5")
    assert (code, job["state"]) == (0, "queued")
    assert job["arguments"] == ["--max-steps", "5"]
    code, behind = ask("jobs", "submit", "nlu", "--after", job["id"], "--key", "k")
    assert ask("jobs", "submit", "nlu", "--key", "k")[1]["id"] == behind["id"]
    listed = ask("jobs", "list")[1]
    assert [j["id"] for j in listed["jobs"]] == [behind["id"], job["id"]]
    assert listed["foreign_unknown"] == "Ray does not run"
    shown = ask("jobs", "show", job["id"])[1]
    assert [h["event"] for h in shown["history"]] == ["submitted"]
    assert ask("jobs", "logs", job["id"])[1]["log"] == ""
    assert ask("jobs", "cancel", job["id"], "--why", "no need")[1]["cancel"].endswith(": no need")


def test_wrong_jobs_exit_1_and_say_the_way_out(ask):
    code, said = ask("jobs", "submit", "magic")
    assert (code, "there are" in said["error"]) == (1, True)
    assert ask("jobs", "show", "gone")[0] == 1
    assert ask("jobs", "cancel", "gone")[0] == 1
    assert ask("jobs", "logs", "gone")[0] == 1
    code, said = ask("jobs", "submit", "nlu", "--deadline-s", "0")
    assert (code, "above 0" in said["error"]) == (1, True)


def test_the_schedule_is_stopped_started_and_asked(ask):
    assert ask("schedule", "show")[1]["learn"]["paused"] == ""
    assert ask("schedule", "stop", "--why", "a visit")[1]["learn"]["paused"].endswith(": a visit")
    assert ask("schedule", "run-now")[1]["learn"]["asked_by"]
    assert ask("schedule", "start")[1]["learn"]["paused"] == ""
    assert ask("schedule", "stop", "--kind", "lora")[0] == 1


def test_the_load_of_this_machine_and_of_several():
    found = LoadProbe()()
    assert 0 <= found.cpu <= 1
    assert 0 < found.memory <= 1
    node = {"raylet": {"state": "ALIVE"}, "cpu": 50.0, "mem": [100, 40, 60.0, 60]}
    dead = {**node, "raylet": {"state": "DEAD"}, "cpu": 0.0}
    assert load_of([node, dead]) is None
    busy = {**node, "cpu": 100.0, "gpus": [{"utilizationGpu": 90}]}
    found = load_of([node, busy, dead])
    assert (found.cpu, found.memory, found.gpu) == (0.75, 0.6, 0.9)
