"""Evaluates stage 6: the published ranker's figures on held-out simulated behaviour. No Ray."""

import json
from typing import Any

from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam.evaluation.section import Section, Table


def run(session: Session, scale: Scale) -> Section:
    """Return the figures in the current ranker's card."""
    figures = ranker_figures(session)
    return Section(
        figures=figures,
        sets={"behaviour": "simulated"},
        tables=(
            Table(
                title="ranker, held-out simulated behaviour",
                columns=("what", "value"),
                rows=tuple(figures.items()),
            ),
        ),
        notes=(
            "Behaviour is simulated: the figures compare rankers and say nothing about children.",
        ),
    )


def ranker_figures(session: Session) -> dict[str, Any]:
    """Return the held-out figures in the current ranker's card."""
    from naviyam.versions import current

    folder = current(session.settings.paths.models / "ranker")
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    flat: dict[str, Any] = {"version": folder.name}
    for name, value in card.get("metrics", {}).items():
        if isinstance(value, dict):
            flat |= {f"{name} {key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat
