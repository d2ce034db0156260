"""The admin routes: who may call them, and the queue and the schedule behind them."""

import stat

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster.jobs.folders import JobFolder
from deployments import problems
from deployments.admin.keys import key_path, load_or_create_admin_key
from deployments.admin.router import admin_router
from naviyam.errors import ConfigError
from naviyam.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings.parse(
        {
            "paths": {"state": str(tmp_path)},
            "serving": {"dashboard_port": 1},
            "jobs": {"max_queued": 2},
        }
    )


@pytest.fixture
def client(settings):
    app = FastAPI()
    problems.install(app, retry_after_s=1)
    app.include_router(admin_router(settings))
    with TestClient(app, raise_server_exceptions=False) as made:
        made.headers["authorization"] = f"Bearer {load_or_create_admin_key(settings)}"
        yield made


def test_the_key_is_made_once_and_only_its_owner_reads_it(settings):
    key = load_or_create_admin_key(settings)
    assert load_or_create_admin_key(settings) == key
    assert stat.S_IMODE(key_path(settings).stat().st_mode) == 0o600
    key_path(settings).write_text("\n")
    with pytest.raises(ConfigError, match="at least 16"):
        load_or_create_admin_key(settings)


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "unauthorized"),
        ("Basic abc", 401, "unauthorized"),
        ("Bearer ", 401, "unauthorized"),
        ("Bearer wrong", 401, "unauthorized"),
        ("Bearer 한글", 401, "unauthorized"),
    ],
)
def test_nobody_without_the_key(client, header, status, code):
    del client.headers["authorization"]
    headers = {"authorization": header.encode()} if header else {}
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/schedule")):
        answer = client.request(method, f"/admin{path}", headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == problems.MEDIA_TYPE
        assert answer.json()["code"] == code
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_job_is_queued_shown_and_cancelled(client, settings):
    body = {"kind": "lora", "arguments": ["--max-steps", "5"], "priority": 3, "key": "k"}
    made = client.post("/admin/jobs", json=body)
    assert made.status_code == 202
    job = made.json()["id"]
    assert client.post("/admin/jobs", json=body).json()["id"] == job
    listed = client.get("/admin/jobs").json()
    assert [j["id"] for j in listed["jobs"]] == [job]
    assert "does not answer" in listed["foreign_unknown"]
    shown = client.get(f"/admin/jobs/{job}").json()
    assert (shown["priority"], shown["history"][0]["event"]) == (3, "submitted")
    folder = JobFolder.of(settings, job)
    folder.path.mkdir(parents=True)
    folder.log_path(2).write_text("step 1\n")
    assert client.get(f"/admin/jobs/{job}/logs?attempt=2").json()["log"] == "step 1\n"
    assert client.delete(f"/admin/jobs/{job}?why=no").json()["cancel"] == "admin api: no"


def test_refusals_are_problems(client):
    assert client.get("/admin/jobs/gone").status_code == 404
    assert client.delete("/admin/jobs/gone").status_code == 404
    assert client.get("/admin/jobs/gone/logs").status_code == 404
    wrong = client.post("/admin/jobs", json={"kind": "magic"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "kind")
    assert client.post("/admin/jobs", json={"kind": "nlu", "x": 1}).status_code == 422
    for _ in range(2):
        client.post("/admin/jobs", json={"kind": "nlu"})
    full = client.post("/admin/jobs", json={"kind": "nlu"})
    assert (full.status_code, full.headers["retry-after"]) == (503, "60")
    assert "at most 2" in full.json()["detail"]


def test_the_schedule_is_paused_resumed_and_asked(client):
    learn = client.get("/admin/schedule").json()["learn"]
    assert (learn["paused"], learn["cron"]) == ("", "0 */6 * * *")
    paused = client.post("/admin/schedule", json={"action": "pause", "who": "min"}).json()
    assert paused["learn"]["paused"] == "min"
    asked = client.post("/admin/schedule", json={"action": "run-now"}).json()
    assert asked["learn"]["asked_by"] == "admin api"
    assert client.post("/admin/schedule", json={"action": "resume"}).json()["learn"]["paused"] == ""
    wrong = client.post("/admin/schedule", json={"action": "pause", "kind": "lora"})
    assert wrong.status_code == 422
