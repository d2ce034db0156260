"""`naviyam learn`: train on new feedback, evaluate, and leave what is better as challenger for a canary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.session import Session, table

_PROGRAM = "training.pipelines"


def learn(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="ranker or nlg; may be repeated.", metavar="NAME")
    ] = None,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote/--hold", help="Let what is accepted serve at once, without a canary."
        ),
    ] = False,
    plant: Annotated[
        list[str] | None,
        typer.Option(help="Train on this data set instead of the log's.", metavar="NAME=FOLDER"),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Of Ray Train; 0 trains without it.")] = 0,
    jobs: Annotated[bool, typer.Option("--jobs", help="Run every step as a Ray job.")] = False,
) -> None:
    """Learn from new feedback; without any, say so. A run that was broken off goes on where it stopped."""
    session: Session = ctx.obj
    outcome = run(session, only=only, hold=not promote, plant=plant, workers=workers, jobs=jobs)
    session.answer(outcome, outcome_table(outcome))


def run(
    session: Session,
    *,
    only: list[str] | None = None,
    hold: bool = True,
    plant: list[str] | None = None,
    workers: int = 0,
    jobs: bool = False,
) -> dict[str, Any]:
    """Run the pipeline as a program and return its outcome."""
    from cluster.cli.program import run_program

    arguments = ["--workers", str(workers), "--who", "naviyam learn"]
    arguments += ["--only", *only] if only else []
    arguments += ["--hold"] if hold else []
    arguments += ["--jobs"] if jobs else []
    for each in plant or ():
        name, _, folder = each.partition("=")
        arguments += ["--plant", f"{name}={Path(folder).resolve()}"]
    return run_program(session, _PROGRAM, arguments)


def decision_of(found: Mapping[str, Any]) -> str:
    """Return what became of one kind of model: promoted, challenger, refused, skipped or failed."""
    ended = next((word for word in ("skipped", "failed") if word in found), None)
    return ended or str(found["decision"])


def why_of(found: Mapping[str, Any]) -> str:
    """Return the reasons, in words and numbers."""
    return str(found.get("skipped") or found.get("failed") or "; ".join(found.get("reasons", ())))


def outcome_table(outcome: dict[str, Any]) -> Any:
    """Return what became of each kind of model."""
    rows = [
        (
            name,
            decision_of(found),
            found.get("version"),
            why_of(found),
        )
        for name, found in outcome.items()
        if isinstance(found, dict)
    ]
    if "skipped" in outcome:
        rows.append(("all", "skipped", None, outcome["skipped"]))
    return table(f"learn {outcome.get('run', '')}", ("what", "", "version", "why"), rows)
