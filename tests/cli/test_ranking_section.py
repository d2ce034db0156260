import json
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import program
from cluster.cli.evaluations import ranking
from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam import versions

ROW = {
    "ndcg_at_5": 0.4, "precision_at_5": 0.1, "recall_at_10": 0.6, "auc": 0.8,
    "coverage_at_5": 0.1, "diversity_at_5": 0.5,
}  # fmt: skip
STUDY = {
    "worlds": [
        {
            "lists": 9,
            "users": 50,
            "shops": 80,
            "systems": {"popularity": {**ROW, "ece": None}, "wide_deep": {**ROW, "ece": 0.04}},
            "seed": 101,
            "peer_settings": {"item_knn": {"shrink": 3.0}},
            "by_past": {"cold": {"lists": 2, "wide_deep": 0.3}},
            "by_district": {"춘천시": {"lists": 8, "wide_deep": 0.5}},
            "calibration": [[0.1, 0.2, 30], [0.9, 0.8, 5]],
        }
    ],
    "clicks": [{"impressions": 5, "methods": {"naive": {"ndcg_at_5": 0.2, "auc": 0.6}}}],
}
BENCHMARK = {
    "data": "made up",
    "protocol": "here",
    "seeds": [42],
    "systems": {
        name: {"ndcg": v, "precision": v, "recall": v, "map": v, "coverage": v, "ndcg_by_seed": [v]}
        for name, v in (("popularity", 0.2), ("wide_deep", 0.5))
    },
}


def test_the_section_reads_what_is_there_and_says_what_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"paths: {{state: {tmp_path}, shared_data: {tmp_path / 'none'}}}\n")
    session = Session(config=config)
    metrics = {"auc": 0.9, "ranking": {"wide_deep": {"ndcg_at_5": 0.5}}}
    versions.publish(
        session.settings.paths.models / "ranker",
        "v1",
        lambda folder: (
            (folder / "model.json").write_text(json.dumps({"metrics": metrics})) and None
        ),
    )
    asked: list[tuple[str, list[str]]] = []

    def fake(session: Session, module: str, arguments: list[str]) -> dict[str, Any]:
        asked.append((module, arguments))
        return STUDY

    monkeypatch.setattr(program, "run_program", fake)
    section = ranking.run(session, Scale())
    assert [module for module, _ in asked] == ["training.wide_deep.study"]
    assert section.figures["card"]["auc"] == 0.9
    notes = " ".join(section.notes)
    assert "simulated" in notes
    assert "requirements/recsys.txt" in notes
    assert "implicit" in notes
    assert 'world 101: item_knn {"shrink": 3.0}' in notes
    assert "is not there" in notes
    assert {t.title.split(":")[0] for t in section.tables} >= {"position bias"}
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "movielens.json").write_text(json.dumps(BENCHMARK))
    section = ranking.run(session, Scale(full=True))
    assert asked[-1][1][-1] == str(ranking.FULL_SEEDS)
    shown = next(t for t in section.tables if t.title.startswith("movielens"))
    assert shown.rows[0][:2] == ("wide_deep", 0.5)
