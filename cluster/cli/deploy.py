"""`naviyam deploy`: the service on a cluster that others started (KubeRay, the Ray cluster launcher)."""

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cluster.cli.session import Session

app = typer.Typer(
    no_args_is_help=True,
    help="On a cluster that others started: Serve's configuration, and the controller.",
)

AddressOption = Annotated[
    str, typer.Option(help="Ray's dashboard, such as http://head:8265.", metavar="URL")
]
RemoteOption = Annotated[
    str | None,
    typer.Option(
        "--remote-config",
        help="The settings file as the nodes find it; default /opt/naviyam/configs/NAME.",
        metavar="PATH",
    ),
]


@app.command()
def config(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Write it here.", metavar="FILE")] = None,
    remote: RemoteOption = None,
) -> None:
    """Print the Serve configuration of a profile, for `serve deploy` or a RayService."""
    from cluster.deploy.serve_config import render, serve_config

    session: Session = ctx.obj
    document = serve_config(session.settings, _remote(session, remote))
    text = render(document, command=f"naviyam deploy config --config configs/{session.config.name}")
    if out is not None:
        out.write_text(text, encoding="utf-8")
        session.answer({"written": str(out)}, f"written: {out}")
        return
    session.answer(document, text.rstrip())


@app.command()
def environment(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Write it here.", metavar="FILE")] = None,
) -> None:
    """Print what every node must have in its environment before Ray starts on it, a variable a line."""
    from cluster.ray_io.environment import node_environment

    session: Session = ctx.obj
    variables = node_environment(session.settings)
    text = "".join(f"{name}={value}\n" for name, value in sorted(variables.items()))
    if out is not None:
        out.write_text(text, encoding="utf-8")
        session.answer({"written": str(out)}, f"written: {out}")
        return
    session.answer(variables, text.rstrip())


@app.command()
def controller(ctx: typer.Context, address: AddressOption, remote: RemoteOption = None) -> None:
    """Begin the controller on a cluster unless one left a sign of life in the database. Idempotent; run it by the minute."""
    session: Session = ctx.obj
    begun = _keep_controller(session, address, _remote(session, remote))
    session.answer({"controller": begun}, f"controller {begun}")


def _keep_controller(session: Session, address: str, config: PurePosixPath) -> str:
    from cluster.cli.jobs import open_store
    from cluster.deploy.controller import entrypoint, is_alive
    from cluster.deploy.serve_config import IMAGE_ROOT
    from cluster.ray_io.jobs import run_entrypoint
    from naviyam.clock import SystemClock

    if is_alive(open_store(session).read("controller"), SystemClock().now()):
        return "alive"
    root = config.parent.parent if config.parent.name == "configs" else IMAGE_ROOT
    return f"begun by job {run_entrypoint(address, entrypoint(config, root))}"


def _remote(session: Session, remote: str | None) -> PurePosixPath:
    from cluster.deploy.serve_config import IMAGE_ROOT

    return PurePosixPath(remote) if remote else IMAGE_ROOT / "configs" / session.config.name
