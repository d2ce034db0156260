"""Alerts over HTTP and `naviyam monitor` on a log and a database of their own."""

import json
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster.cli.main import run
from cluster.database import open_engine
from cluster.monitoring.alerts import Level, Reading, step
from cluster.monitoring.part import MonitoringPart
from cluster.monitoring.sinks import LogSink, WebhookSink
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.parts import Part
from deployments import problems
from deployments.admin.keys import load_or_create_admin_key
from deployments.admin.router import admin_router
from naviyam.settings import Settings

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    return Settings.load(None)


@pytest.fixture
def raised(settings):
    store = SqlAlertStore(open_engine(settings))
    reading = Reading(
        rule="error_rate", level=Level.ALARM, value=0.1, statement="10 of 100 requests"
    )
    watch, event = step(
        store.watch("error_rate", "real"),
        reading,
        NOW,
        raise_after=1,
        clear_after=3,
        alert_id="al_1",
    )
    store.keep(watch, event)


def answer(capsys, *arguments):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_alerts_over_http_behind_the_key(settings, raised):
    app = FastAPI()
    problems.install(app, retry_after_s=1)
    app.include_router(admin_router(settings))
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/admin/alerts").status_code == 401
    client.headers["authorization"] = f"Bearer {load_or_create_admin_key(settings)}"
    (alert,) = client.get("/admin/alerts").json()["alerts"]
    assert (alert["rule"], alert["level"], alert["acknowledged_by"]) == (
        "error_rate",
        "alarm",
        None,
    )
    assert len(client.get("/admin/alerts/rules").json()["rules"]) == 6
    seen = client.post("/admin/alerts/al_1/acknowledge", json={"by": "kim"})
    assert seen.json()["acknowledged_by"] == "kim"
    assert client.post("/admin/alerts/al_2/acknowledge", json={}).status_code == 404
    assert client.post("/admin/alerts/al_1/acknowledge", json={"who": "kim"}).status_code == 422
    assert client.get("/admin/alerts?limit=0").status_code == 422


def test_alerts_on_the_command_line(raised, capsys):
    assert (
        answer(capsys, "monitor", "alerts", "--acknowledge", "al_1", "--by", "lee")["alerts"][0][
            "acknowledged_by"
        ]
        == "lee"
    )
    assert run(["monitor", "alerts"]) == 0
    assert "서비스 상태부터 확인하세요" in capsys.readouterr().out
    assert run(["monitor", "alerts", "--acknowledge", "al_2"]) == 1
    assert "no alert 'al_2'" in capsys.readouterr().err
    assert len(answer(capsys, "monitor", "alerts", "--rules")["rules"]) == 6


def test_figures_degradation_and_drift_on_an_empty_log(settings, capsys):
    (today,) = answer(capsys, "monitor", "today")["days"]
    assert today["service"]["requests"] == 0
    assert len(answer(capsys, "monitor", "daily", "--days", "3", "--simulated")["days"]) == 3
    for verb in ("degradation", "drift"):
        rules = answer(capsys, "monitor", verb)["rules"]
        assert {r["level"] for r in rules.values()} == {"not judged"}
        assert run(["monitor", verb]) == 0
        capsys.readouterr()


def test_the_installations_part_tells_the_log_and_the_webhook_that_is_named(settings):
    part: Part = MonitoringPart.of(settings)
    assert (part.name, part.every_s) == ("monitoring", 60.0)
    assert [type(s) for s in part._sinks] == [LogSink]
    named = settings.model_copy(
        update={
            "monitoring": settings.monitoring.model_copy(update={"webhook": "http://hook.test"})
        }
    )
    assert [type(s) for s in MonitoringPart.of(named)._sinks] == [LogSink, WebhookSink]
    part.tick(NOW)
    assert part.store.alerts() == ()
