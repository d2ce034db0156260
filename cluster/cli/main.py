"""Entry point: global options, the list of verbs, errors as one line, exit codes 0, 1 and 2."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from cluster.cli import (
    audit,
    bench,
    bootstrap,
    chat,
    compare,
    config,
    data,
    demo,
    deploy,
    down,
    evaluate,
    events,
    experiment,
    jobs,
    keys,
    learn,
    loop,
    metrics,
    models,
    monitor,
    schedule,
    simulate,
    status,
    train,
    tune,
    understand,
    up,
    version,
)
from cluster.cli.session import DEFAULT_CONFIG, Session

app = typer.Typer(
    name="naviyam",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts twice as fast
    help="Restaurant recommendations for children who pay with a meal card.",
    epilog="--config and --json may stand before or after the verb.",
)


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", help="Settings file.", metavar="FILE")
    ] = DEFAULT_CONFIG,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer with JSON, for programs.")
    ] = False,
) -> None:
    """Keep the global options for the verb."""
    ctx.obj = Session(config=config, as_json=as_json)


for _verb in (
    up.up,
    down.down,
    status.status,
    audit.audit,
    chat.chat,
    understand.understand,
    bootstrap.bootstrap,
    evaluate.evaluate,
    compare.compare,
    demo.demo,
    learn.learn,
    loop.loop,
    simulate.simulate,
    version.version,
):
    app.command()(_verb)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(deploy.app, name="deploy")
app.add_typer(train.app, name="train")
app.add_typer(tune.app, name="tune")
app.add_typer(events.app, name="events")
app.add_typer(bench.app, name="bench")
app.add_typer(models.app, name="models")
app.add_typer(experiment.app, name="experiment")
app.add_typer(monitor.app, name="monitor")
app.add_typer(metrics.app, name="metrics")
app.add_typer(jobs.app, name="jobs")
app.add_typer(schedule.app, name="schedule")
app.add_typer(keys.app, name="keys")


def hoist(arguments: Sequence[str]) -> list[str]:
    """Move `--json` and `--config FILE` to the front, so that they may follow the verb.

    >>> hoist(["status", "--json", "--config", "a.yaml"])
    ['--json', '--config', 'a.yaml', 'status']
    >>> hoist(["understand", "--", "--json"])
    ['understand', '--', '--json']
    """
    front: list[str] = []
    rest: list[str] = []
    items = iter(arguments)
    for item in items:
        if item == "--":
            rest += [item, *items]
        elif item == "--json" or item.startswith("--config="):
            front.append(item)
        elif item == "--config":
            front += [item, *([value] if (value := next(items, None)) is not None else [])]
        else:
            rest.append(item)
    return front + rest


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code: 0, 1 (failed, said why) or 2 (usage)."""
    from naviyam.errors import NaviyamError

    arguments = hoist(arguments)
    try:
        result = app(arguments, standalone_mode=False, prog_name="naviyam")
    except TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "naviyam"
        message = error.format_message()
        if message.startswith("Usage:"):  # a group without a verb raises its own help
            sys.stderr.write(message + "\n")
        else:
            _complain(f"{message} (see `{path} --help`)", as_json="--json" in arguments)
        return error.exit_code
    except NaviyamError as error:
        _complain(str(error), as_json="--json" in arguments)
        return 1
    except (Abort, KeyboardInterrupt):
        _complain("interrupted", as_json=False)
        return 130
    return result if isinstance(result, int) else 0


def _complain(message: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": message}, ensure_ascii=False) + "\n")
    sys.stderr.write(f"naviyam: {message}\n")


def main() -> None:
    """Run the process's command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))
