import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cluster.cli.evaluations.report import write_report
from cluster.cli.main import run
from naviyam.evaluation.section import Plot, Section, Table


def test_an_unknown_section_is_a_usage_error_that_names_the_sections(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["evaluate", "speed"]) == 2
    shown = capsys.readouterr().err
    assert "speed" in shown
    assert "retrieval" in shown


def test_a_report_holds_tables_plots_notes_and_figures(tmp_path: Path) -> None:
    section = Section(
        figures={"recall": 0.5},
        sets={"queries": "v1"},
        tables=(Table(title="By | kind", columns=("kind", "recall"), rows=(("a|b", None),)),),
        plots=(
            Plot(
                title="Recall",
                kind="bar",
                x_label="kind",
                y_label="recall",
                x=("a", "b"),
                series={"dense": (0.5, 0.6), "fused": (0.7, 0.8)},
            ),
            Plot(
                title="Latency",
                kind="line",
                x_label="shops",
                y_label="ms",
                x=(10.0, 100.0),
                series={"flat": (1.0, 2.0)},
                log_x=True,
            ),
        ),
        notes=("Behaviour is simulated.",),
    )
    page = write_report(tmp_path / "report", {"retrieval": section})
    text = page.read_text(encoding="utf-8")
    assert "Behaviour is simulated." in text
    assert r"a\|b | - |" in text
    assert "queries (v1)" in text
    for number in (1, 2):
        assert f"retrieval-{number}.svg" in text
        ElementTree.parse(page.parent / f"retrieval-{number}.svg")
    figures = json.loads((page.parent / "figures.json").read_text(encoding="utf-8"))
    assert figures["retrieval"]["figures"]["recall"] == 0.5
