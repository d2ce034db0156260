"""`naviyam train`: the trainers, each a program of its own."""

from typing import Annotated

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="Train a model and publish it.")


@app.command()
def ranker(
    ctx: typer.Context,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Train the Wide & Deep ranker on the current catalogue's behaviour."""
    _train(ctx.obj, "training.wide_deep", ["--threads", str(threads)])


@app.command()
def lora(
    ctx: typer.Context,
    samples: Annotated[int, typer.Option(min=1, help="Dialogues to make.")] = 1600,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    out: Annotated[
        str | None, typer.Option(help="Folder of the adapter.", metavar="FOLDER")
    ] = None,
) -> None:
    """Train the `nlg` adapter on dialogues made from the catalogue (about an hour on two slow cores)."""
    arguments = ["--samples", str(samples), "--threads", str(threads)]
    arguments += ["--max-steps", str(max_steps)] if max_steps else []
    arguments += ["--out", out] if out else []
    _train(ctx.obj, "training.lora", arguments)


@app.command()
def nlu(
    ctx: typer.Context,
    epochs: Annotated[int, typer.Option(min=1)] = 15,
    seed: int = 7,
    out: Annotated[
        str | None, typer.Option(help="Folder (default: paths.classifier).", metavar="FOLDER")
    ] = None,
) -> None:
    """Train the intent classifier on hand-written messages and small talk (a minute)."""
    arguments = ["--epochs", str(epochs), "--seed", str(seed), *(["--out", out] if out else [])]
    _train(ctx.obj, "training.nlu", arguments)


def _train(session: Session, module: str, arguments: list[str]) -> None:
    from cluster.cli.program import run_program

    result = run_program(session, module, arguments)
    session.answer(result, table(module, ("what", "value"), result.items()))
