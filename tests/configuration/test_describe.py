"""`config show`: every key once, with a meaning and its origin, and nothing that lets somebody in."""

import json
from pathlib import Path

import pytest

from cluster.cli.main import run
from cluster.configuration.describe import describe, meaning_of
from cluster.configuration.masks import mask_url
from naviyam.settings import Settings
from naviyam.settings.keys import all_keys
from naviyam.settings.sources import Sources, read_sources

DATABASE = "postgresql+psycopg://naviyam:hunter2@db.example:5432/naviyam"


def test_every_key_is_there_once_and_means_something() -> None:
    found = describe(Settings(), Sources())
    assert [f.key for f in found] == [k.dotted for k in all_keys(Settings) if k.section is None]
    assert [k.dotted for k in all_keys(Settings) if k.section is None and not meaning_of(k)] == []
    assert {f.origin for f in found} == {None}


def test_origins_are_default_file_and_variable(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "llm:\n  max_num_seqs: 3\nmeal_card:\n  limit_won_by_municipality: {춘천시: 9000}\n"
    )
    environ = {"NAVIYAM__LLM__BASE": "x"}
    sources = read_sources(path, environ)
    rows = {f.key: f for f in describe(Settings.load(path, environ=environ), sources)}
    assert str(rows["llm.max_num_seqs"].origin) == f"{path}:2"
    assert str(rows["meal_card.limit_won_by_municipality"].origin) == f"{path}:4"
    assert str(rows["llm.base"].origin) == "NAVIYAM__LLM__BASE"
    assert rows["llm.dtype"].origin is None
    assert rows["llm.max_num_seqs"].default == 32
    assert rows["serving.request_timeout_s"].unit == "seconds"


def test_secrets_do_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        f"jobs: {{database: '{DATABASE}'}}\nmonitoring: {{webhook: 'https://h.example/T0/B1/zz'}}\n"
        "events: {uri: 's3://key:shh@bucket/events'}\n"
    )
    assert run(["config", "show", "--json", "--config", str(path)]) == 0
    assert run(["config", "show", "--config", str(path)]) == 0
    shown = capsys.readouterr().out
    for secret in ("hunter2", "B1/zz", "shh"):
        assert secret not in shown
    assert "naviyam:***@db.example" in shown


def test_a_url_without_secrets_stays_as_it_is() -> None:
    for url in ("sqlite:////srv/control.db", "s3://bucket/events", "http://127.0.0.1:8265"):
        assert mask_url(url) == url


def test_show_answers_by_section(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("serving: {port: 8001}")
    assert (
        run(["config", "show", "--section", "serving", "--set", "--json", "--config", str(path)])
        == 0
    )
    (key,) = json.loads(capsys.readouterr().out)["keys"]
    assert key["key"] == "serving.port"
    assert key["from"] == {"kind": "file", "name": str(path), "line": 1}
    assert run(["config", "show", "--section", "servng"]) == 1
    assert "serving.llm" in capsys.readouterr().err
