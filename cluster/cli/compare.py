"""`naviyam compare`: registered versions of a model in one table, measured on the same data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.session import Session, table


def compare(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="ranker, nlg (adapters) or nlu.", metavar="MODEL")],
    version: Annotated[
        list[str],
        typer.Argument(
            help="Two or more; `champion` and `challenger` name one too.", metavar="VERSION"
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Data set (default: the newest one of the model).", metavar="FOLDER"),
    ] = None,
) -> None:
    """Measure versions on the same held-out data; each is compared with the first, with its bootstrap interval."""
    from cluster import comparison
    from cluster.cli.program import run_program
    from cluster.registry.mlflow_registry import open_registry

    session: Session = ctx.obj
    found = comparison.compare(
        session.settings,
        open_registry(session.settings),
        name,
        version,
        data=data,
        run=lambda module, arguments: run_program(session, module, arguments),
    )
    session.answer(found, _metrics(found), _differences(found))


def _metrics(found: dict[str, Any]) -> Any:
    metrics: dict[str, dict[str, Any]] = found["metrics"]
    names = sorted({name for each in metrics.values() for name in each})
    rows = [
        (
            name,
            *(
                value if isinstance(value := each.get(name), int | float) else None
                for each in metrics.values()
            ),
        )
        for name in names
    ]
    return table(
        f"{found['model']} on {found['data'] or 'its own sets'}", ("metric", *metrics), rows
    )


def _differences(found: dict[str, Any]) -> Any:
    rows = [
        (version, metric, each["mean"], each["low"], each["high"])
        for version, metrics in found["differences"].items()
        for metric, each in metrics.items()
    ]
    columns = ("version", "metric", "difference", "low", "high")
    return table(f"difference from {found['against']}, bootstrap interval", columns, rows)
