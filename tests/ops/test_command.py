"""`naviyam audit`: what was changed over HTTP, on the command line."""

import json
from datetime import UTC, datetime

from cluster.audit.entry import Act
from cluster.audit.sql_store import SqlAudit
from cluster.cli.main import run
from cluster.database import open_engine
from naviyam.settings import Settings


def test_the_command_lists_what_was_done_and_by_whom(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path))
    audit = SqlAudit(open_engine(Settings.parse({"paths": {"state": str(tmp_path)}})))
    at = datetime(2026, 11, 29, 3, tzinfo=UTC)
    number = audit.begin(Act(at=at, who="night", said_by="민수", what="experiment.weight", target="e1", why="느림", before={"weight": 0.1}))  # fmt: skip
    audit.end(number, outcome="done", at=at, after={"weight": 0.25})
    assert run(["audit", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["entries"][0]
    assert (entry["said_by"], entry["after"], entry["outcome"]) == (
        "민수",
        {"weight": 0.25},
        "done",
    )
    assert run(["audit"]) == 0
    assert "weight 0.25" in " ".join(capsys.readouterr().out.split())
