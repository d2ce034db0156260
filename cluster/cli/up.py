"""`naviyam up`: Ray and the application on this machine."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.session import Session

if TYPE_CHECKING:
    from cluster.ray_io.head import Head


def up(
    ctx: typer.Context,
    shops: Annotated[
        Path | None, typer.Option(help="Public shop list (CSV) to bootstrap from.", metavar="CSV")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the service answers.")] = True,
    keep: Annotated[bool, typer.Option(help="Leave Ray running when the start fails.")] = False,
    timeout_s: Annotated[float, typer.Option(help="How long the start may take.")] = 300,
) -> None:
    """Start Ray and the application; bootstrap first where something is missing. Idempotent."""
    from cluster.cli.bootstrap import run_steps

    session: Session = ctx.obj
    run_steps(session, shops=shops, workbook=None, force=False)
    result = start(session, wait=wait, keep=keep, timeout_s=timeout_s)
    session.answer(
        result,
        f"Chat page   {session.base_url}/",
        f"API         {session.base_url}/docs",
        f"Dashboard   {session.dashboard_url}/",
        "Stop with   naviyam down",
    )


def start(session: Session, *, wait: bool, keep: bool, timeout_s: float) -> dict[str, object]:
    """Start what is not running; on failure stop what this call started, unless `keep`.

    Raises:
        NaviyamError: Ray or the application did not start; the message says where the log is.
    """
    from cluster.ray_io import head as heads

    began = time.monotonic()
    head = heads.find_head(session.settings)
    started_here = head is None
    if head is None:
        session.say("ray: starting")
        head = heads.start_head(session.settings, os.environ)
    try:
        application = _deploy(session, head, wait=wait, timeout_s=timeout_s)
    except BaseException as error:
        if not started_here or keep:
            session.say(f"left running; logs: {head.logs}")
            raise
        if isinstance(error, Exception):
            _show_replica_logs(session, head)
        session.say("the start failed; stopping Ray")
        heads.stop_head(session.settings, head)
        raise
    seconds = round(time.monotonic() - began, 1)
    session.say(f"{'up' if started_here else 'was up already'}: {application} ({seconds} s)")
    return {
        "status": application,
        "url": session.base_url,
        "dashboard_url": session.dashboard_url,
        "started": started_here,
        "seconds": seconds,
        "logs": str(head.logs),
    }


def _deploy(session: Session, head: "Head", *, wait: bool, timeout_s: float) -> str:
    from cluster.ray_io import serve
    from cluster.ray_io.head import marked_processes

    goal = serve.declaration(session.settings, session.config_path)
    if serve.look(session.dashboard_url).status != "RUNNING":
        serve.deploy(session.dashboard_url, goal)
    if not wait:
        return "DEPLOYING"
    application = serve.wait_running(
        session.dashboard_url,
        timeout_s=timeout_s,
        alive=lambda: bool(marked_processes(head.mark)),
        report=lambda line: session.say(f"serve: {line}"),
    )
    wait_ready(session, timeout_s=timeout_s)
    return application.status


def wait_ready(session: Session, *, timeout_s: float) -> None:
    """Wait until `/readyz` says that every part is ready.

    Raises:
        NaviyamError: it does not within `timeout_s`; the message names what is missing.
    """
    import httpx

    from cluster.cli.client import ServiceError

    deadline = time.monotonic() + timeout_s
    last = ""
    while True:
        try:
            response = httpx.get(f"{session.base_url}/readyz", timeout=5, trust_env=False)
            if response.is_success:
                return
            line = response.text[:300]
        except httpx.HTTPError as error:
            line = type(error).__name__
        if line != last:
            session.say(f"waiting for /readyz: {line}")
            last = line
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{session.base_url}/readyz is not ready after {timeout_s:.0f} s: {last}"
            )
        time.sleep(0.5)


def _show_replica_logs(session: Session, head: "Head") -> None:
    """Say where the logs are; the session folder outlives the head."""
    logs = head.logs.resolve()
    session.say(f"logs: {logs} and {logs / 'serve'}; Ray's own: {head.log}")
