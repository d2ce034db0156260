"""`naviyam train`: the trainers, each a program of its own."""

from typing import Annotated

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="Train a model and publish it.")

THREADS = Annotated[int, typer.Option(min=1, help="Threads of torch.")]
WORKERS = Annotated[
    int, typer.Option(min=0, help="Workers of Ray Train; 0 trains in one process without Ray.")
]
DATA = Annotated[
    str | None, typer.Option(help="Data set of `training.datasets`.", metavar="FOLDER")
]
PARENT = Annotated[str | None, typer.Option(help="Model to continue from.", metavar="FOLDER")]
OUT = Annotated[str | None, typer.Option(help="Folder of the result.", metavar="FOLDER")]


@app.command()
def ranker(
    ctx: typer.Context,
    data: DATA = None,
    parent: PARENT = None,
    out: OUT = None,
    workers: WORKERS = 0,
    threads: THREADS = 1,
) -> None:
    """Train the ranker: on the catalogue's behaviour, or on logged answers from a parent (then --out is needed)."""
    arguments = ["--threads", str(threads), *_folders(data, parent, out, workers)]
    _train(ctx.obj, "training.wide_deep", arguments)


@app.command()
def lora(
    ctx: typer.Context,
    samples: Annotated[int, typer.Option(min=1, help="Template dialogues to make.")] = 1600,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    data: DATA = None,
    parent: PARENT = None,
    out: OUT = None,
    workers: WORKERS = 0,
    threads: THREADS = 1,
) -> None:
    """Train the `nlg` adapter on a data set, or on dialogues made from the catalogue (hours on two slow cores)."""
    arguments = ["--samples", str(samples), "--threads", str(threads)]
    arguments += ["--max-steps", str(max_steps)] if max_steps else []
    arguments += _folders(data, parent, out, workers)
    _train(ctx.obj, "training.lora", arguments)


@app.command()
def nlu(
    ctx: typer.Context,
    epochs: Annotated[int, typer.Option(min=1)] = 15,
    seed: int = 7,
    out: Annotated[
        str | None, typer.Option(help="Folder (default: paths.classifier).", metavar="FOLDER")
    ] = None,
    workers: WORKERS = 0,
) -> None:
    """Train the intent classifier on hand-written messages and small talk (a minute)."""
    arguments = ["--epochs", str(epochs), "--seed", str(seed), *(["--out", out] if out else [])]
    arguments += ["--workers", str(workers)]
    _train(ctx.obj, "training.nlu", arguments)


def _folders(data: str | None, parent: str | None, out: str | None, workers: int) -> list[str]:
    named = {"--data": data, "--parent": parent, "--out": out}
    folders = [part for name, value in named.items() if value for part in (name, value)]
    return [*folders, "--workers", str(workers)]


def _train(session: Session, module: str, arguments: list[str]) -> None:
    from cluster.cli.program import run_program

    result = run_program(session, module, arguments)
    session.answer(result, table(module, ("what", "value"), result.items()))
