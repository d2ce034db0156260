"""Acts of people over HTTP: written down before they are done, whatever comes of them."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster.audit.entry import Act, MemoryAudit
from cluster.audit.sql_store import AuditError, SqlAudit
from cluster.database import engine_of
from deployments import problems
from deployments.admin.keys import load_or_create_admin_key
from deployments.admin.open import Control
from deployments.admin.router import admin_router
from naviyam.errors import NotFoundError
from naviyam.settings import Settings

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def audit(request, tmp_path):
    if request.param == "memory":
        return MemoryAudit()
    if request.param == "sqlite":
        return SqlAudit(engine_of(f"sqlite:///{tmp_path / 'control.db'}"))
    return SqlAudit(engine_of(request.getfixturevalue("postgres")))


def test_an_act_stands_before_it_is_done_and_ends_once(audit):
    act = Act(at=NOW, who="key 1", said_by="민수", what="experiment.weight", target="e1", why="느림", before={"weight": 0.1})  # fmt: skip
    first = audit.begin(act)
    second = audit.begin(act)
    assert [e.outcome for e in audit.entries(limit=9)] == ["begun", "begun"]
    audit.end(first, outcome="done", at=NOW, after={"weight": 0.25})
    audit.end(second, outcome="refused", at=NOW, words="no")
    newest, oldest = audit.entries(limit=9)
    assert (newest.number, newest.outcome, newest.words) == (second, "refused", "no")
    assert (oldest.act, oldest.after, oldest.ended_at) == (act, {"weight": 0.25}, NOW)
    assert audit.entries(limit=9, below=second) == (oldest,)
    assert audit.entries(limit=1) == (newest,)
    with pytest.raises(NotFoundError, match="no act 99"):
        audit.end(99, outcome="done", at=NOW)


@pytest.fixture
def settings(tmp_path):
    return Settings.parse({"paths": {"state": str(tmp_path)}, "serving": {"dashboard_port": 1}})


@pytest.fixture
def control(settings):
    return Control(settings)


@pytest.fixture
def client(settings, control):
    app = FastAPI()
    problems.install(app, retry_after_s=1)
    app.include_router(admin_router(settings, control=control))
    with TestClient(app, raise_server_exceptions=False) as made:
        made.headers["authorization"] = f"Bearer {load_or_create_admin_key(settings)}"
        made.app_made = app
        yield made


def test_every_route_that_changes_something_is_audited(client, control):
    changing = sorted(
        (method, path.replace("{name}", "ranker").replace("{", "").replace("}", ""))
        for path, methods in client.app_made.openapi()["paths"].items()
        for method in methods
        if path.startswith("/admin") and method != "get"
    )
    assert len(changing) >= 7
    control.__dict__["registry_names"] = ()
    for method, path in changing:
        before = len(control.audit.entries(limit=999))
        client.request(method.upper(), path, json={"nothing": "known"})
        found = control.audit.entries(limit=999)
        assert len(found) == before + 1, (method, path)
        assert found[0].outcome in ("refused", "failed"), (method, path)
    assert client.get("/admin/schedule").status_code == 200
    assert len(control.audit.entries(limit=999)) == len(changing)


def test_what_was_done_from_what_to_what_by_whom(client):
    body = {"action": "pause", "who": "민수", "why": "배포 중"}
    assert client.post("/admin/schedule", json=body).status_code == 200
    client.post("/admin/jobs", json={"kind": "magic"})
    newest, paused = client.get("/admin/audit").json()["entries"]
    assert (paused["what"], paused["target"], paused["why"]) == (
        "schedule.pause",
        "learn",
        "배포 중",
    )
    assert (paused["before"]["paused"], paused["after"]["paused"]) == ("", "민수: 배포 중")
    assert (paused["outcome"], paused["said_by"]) == ("done", "민수")
    assert paused["who"] == "admin.key"
    assert (newest["what"], newest["outcome"]) == ("job.submit", "refused")
    assert "magic" in newest["words"]


def test_strangers_leave_no_entry(client, control):
    wrong = {"authorization": "Bearer wrong"}
    assert client.post("/admin/schedule", json={}, headers=wrong).status_code == 401
    assert control.audit.entries(limit=9) == ()
    assert client.get("/admin/audit", headers=wrong).status_code == 401


def test_nothing_is_done_that_cannot_be_written_down(client, control, settings):
    with control.audit._engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE audit"))
    answer = client.post("/admin/schedule", json={"action": "pause"})
    assert answer.status_code == 503
    assert control.schedule.show()["learn"]["paused"] == ""
    with pytest.raises(AuditError, match="was not done"):
        control.audit.begin(Act(at=NOW, who="k", what="x"))
