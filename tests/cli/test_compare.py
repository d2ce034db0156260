"""`naviyam compare`: versions found by folder, name@version or what serves; figures of cards; kinds never mixed."""

import json
from pathlib import Path

import pytest

from cluster.cli import compare, program
from cluster.cli.main import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    for name, version, card in (
        ("ranker", "v1", {"kind": "wide_deep", "metrics": {"ndcg_at_5": 0.5, "ece": None}}),
        ("ranker", "v2", {"kind": "wide_deep", "metrics": {"ndcg_at_5": 0.6}, "parent": "v1"}),
        ("nlg", "a", {"kind": "lora", "metrics": {"perplexity": 1.2}}),
    ):
        folder = tmp_path / "state" / "models" / name / version
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"version": version, **card}))
    (tmp_path / "state" / "models" / "ranker" / "CURRENT").write_text("v1")
    return tmp_path


def test_versions_are_found_in_three_ways(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "ranker", "ranker@v2", "state/models/ranker/v2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "ranker"
    assert [v["version"] for v in found["versions"]] == ["ranker", "ranker@v2", "ranker/v2"]
    assert [v["ndcg_at_5"] for v in found["versions"]] == [0.5, 0.6, 0.6]
    assert [v["parent"] for v in found["versions"]] == [None, "v1", "v1"]


def test_people_see_a_column_a_version(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "ranker@v1", "ranker@v2"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "ndcg_at_5" in x]
    assert line.index("0.5000") < line.index("0.6000")


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (["ranker@v9"], "ranker@v1, ranker@v2"),
        (["gone"], "none of that name"),
        (["ranker", "nlg@a"], "compare versions of one kind"),
        (["nlg"], "nlg@a"),
    ],
)
def test_what_cannot_be_compared_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], versions: list[str], said: str
) -> None:
    assert run(["compare", *versions]) == 1
    assert said in capsys.readouterr().err


def test_no_version_is_a_usage_error(home: Path) -> None:
    assert run(["compare"]) == 2
    assert run(["compare", "ranker", "--data", "gone"]) == 2


def test_with_data_each_is_measured_beside_the_first(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(session: object, module: str, arguments: list[str]) -> dict[str, object]:
        asked.append((module, arguments))
        return {
            "champion": {"ndcg_at_5": 0.5},
            "candidate": {"ndcg_at_5": 0.7},
            "difference": {"ndcg_at_5": {"mean": 0.2, "low": 0.1, "high": 0.3}},
        }

    monkeypatch.setattr(program, "run_program", measured)
    assert run(["compare", "ranker@v1", "ranker@v2", "--data", str(home), "--json"]) == 0
    one, other = json.loads(capsys.readouterr().out)["versions"]
    assert (one["ndcg_at_5"], other["ndcg_at_5"]) == (0.5, 0.7)
    assert other["ndcg_at_5_difference"]["low"] == 0.1
    ((module, arguments),) = asked
    assert module == "training.evaluation"
    assert arguments[0] == "ranker"
    assert "--dry-run" in arguments
    assert arguments[arguments.index("--candidate") + 1].endswith("v2")
    assert arguments[arguments.index("--champion") + 1].endswith("v1")


def test_a_metric_inside_a_metric_keeps_its_path() -> None:
    row = compare.from_card("a", {"metrics": {"test": {"f1": 0.5, "sets": {"n": 3}}, "ok": True}})
    assert row["test.f1"] == 0.5
    assert row["test.sets.n"] == 3
    assert "ok" not in row
