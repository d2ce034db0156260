"""`naviyam tune`: search hyperparameters and train the best in full, each kind a program of its own."""

from typing import Annotated, Any

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="Search hyperparameters and train the best in full.")

SAMPLES = Annotated[int, typer.Option(min=1, help="Trials.")]
DATA = Annotated[
    str | None, typer.Option(help="Data set (default: the initial data).", metavar="FOLDER")
]
PARENT = Annotated[str | None, typer.Option(help="Model to continue from.", metavar="FOLDER")]
OUT = Annotated[str | None, typer.Option(help="Folder of the candidate.", metavar="FOLDER")]


@app.command()
def ranker(
    ctx: typer.Context,
    samples: SAMPLES = 8,
    data: DATA = None,
    parent: PARENT = None,
    out: OUT = None,
    seed: int = 7,
) -> None:
    """Search learning rates, dropout, batch size and embedding decay of the ranker."""
    _tune(ctx.obj, "ranker", samples, seed, {"--data": data, "--parent": parent, "--out": out})


@app.command()
def lora(
    ctx: typer.Context,
    samples: SAMPLES = 4,
    data: DATA = None,
    parent: PARENT = None,
    out: OUT = None,
    trial_rows: Annotated[
        int, typer.Option(min=8, help="Conversations that a trial learns from.")
    ] = 200,
    seed: int = 7,
) -> None:
    """Search learning rate, rank, alpha, dropout and epochs of the adapter."""
    options = {"--data": data, "--parent": parent, "--out": out, "--trial-rows": str(trial_rows)}
    _tune(ctx.obj, "lora", samples, seed, options)


def _tune(
    session: Session, kind: str, samples: int, seed: int, options: dict[str, str | None]
) -> None:
    from cluster.cli.program import run_program

    arguments = [kind, "--samples", str(samples), "--seed", str(seed)]
    for name, value in options.items():
        arguments += [name, value] if value else []
    result = run_program(session, "training.tune", arguments)
    rows = [[_short(v) for v in trial.values()] for trial in result["trials"]]
    rest = {k: v for k, v in result.items() if k != "trials"}
    session.answer(
        result,
        table("trials, best first", tuple(result["trials"][0]), rows),
        table("training.tune", ("what", "value"), rest.items()),
    )


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
