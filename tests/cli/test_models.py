"""`naviyam models` over a real store; the registry's own rules are tested beside it."""

import json
import shutil
from pathlib import Path

import pytest

from cluster.cli.main import run
from naviyam import versions
from naviyam.settings import Settings

pytestmark = pytest.mark.mlflow


def test_list_show_promote_rollback_and_cleanup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cluster.registry.mlflow_registry import open_registry  # noqa: PLC0415

    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NAVIYAM__SERVING__PORT", "1")
    settings = Settings.load(None)
    registry = open_registry(settings)
    registry.adopt("nlu")
    first = versions.current_version(settings.paths.models / "nlu")
    other = shutil.copytree(settings.paths.classifier, tmp_path / "other")
    (other / "notes.txt").write_text("another content")
    second = registry.register("nlu", other).version
    capsys.readouterr()

    def ask(*arguments: str, code: int = 0) -> dict:
        assert run(["models", *arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    states = {m["version"]: m["state"] for m in ask("list")["models"]}
    assert states == {first: "champion", second: "registered"}
    entry = ask("promote", "nlu", second, "--why", "surer", "--who", "kim")
    assert (entry["version"], entry["previous"], entry["who"]) == (second, first, "kim")
    shown = ask("show", "nlu")
    assert (shown["version"], shown["state"]) == (second, "champion")
    assert [e["why"] for e in shown["history"]] == ["it served already", "surer"]
    assert ask("rollback", "nlu", "--why", "complaints")["version"] == first
    assert ask("cleanup", "nlu", "--keep", "0", "--dry-run")["removed"] == {"nlu": [second]}
    assert ask("cleanup", "nlu", "--keep", "0")["removed"] == {"nlu": [second]}
    assert "cleaned up" in ask("promote", "nlu", second, code=1)["error"]
    assert "no version" in ask("promote", "nlu", "never", code=1)["error"]
    assert run(["models", "list"]) == 0
    assert first in capsys.readouterr().out
