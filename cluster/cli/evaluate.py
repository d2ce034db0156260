"""`naviyam evaluate`: every figure of what is published here, from fixed, seeded, versioned sets. No Ray."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.session import Session, table

SECTIONS = ("understanding", "retrieval", "ranking", "writing", "safety")
"""Modules of `cluster.cli.evaluations`, each with `run(session, scale) -> Section`."""


def evaluate(
    ctx: typer.Context,
    sections: Annotated[
        list[str] | None,
        typer.Argument(help=f"Some of {', '.join(SECTIONS)}; none means all.", metavar="SECTION"),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Also what takes an hour: a million shops, 10,000 answers."),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a readable report with plots into this folder.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Seeded questions for search.")] = 200,
    seed: int = 7,
) -> None:
    """Print the figures of what is published here; the same seed gives the same figures."""
    from cluster.cli.evaluations.scale import Scale

    session: Session = ctx.obj
    asked = tuple(sections or SECTIONS)
    unknown = [name for name in asked if name not in SECTIONS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SECTIONS)}")
    scale = Scale(questions=count, seed=seed, full=full)
    found = {}
    for name in asked:
        session.say(f"evaluate: {name}")
        found[name] = import_module(f"cluster.cli.evaluations.{name}").run(session, scale)
    if report is not None:
        from cluster.cli.evaluations.report import write_report

        session.say(f"evaluate: report {write_report(report, found)}")
    shown = [table(t.title, t.columns, t.rows) for s in found.values() for t in s.tables]
    session.answer({name: section.to_dict() for name, section in found.items()}, *shown)
