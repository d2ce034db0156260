"""`naviyam up`: Ray and the application on this machine, or the application on a cluster that runs (`cluster.address`)."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
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
    """Start Ray and the application; bootstrap first where something is missing. Idempotent.

    With cluster.address it deploys onto that cluster and starts no Ray.
    """
    from cluster.cli.join import join

    session: Session = ctx.obj
    if session.settings.cluster.address:
        result = join(session, shops=shops, wait=wait, timeout_s=timeout_s)
    else:
        result = start(session, shops=shops, wait=wait, keep=keep, timeout_s=timeout_s)
    session.answer(
        result,
        f"Chat page   {session.base_url}/",
        f"API         {session.base_url}/docs",
        f"Operations  {session.base_url}/ops",
        f"Dashboard   {session.dashboard_url}/",
        "Stop with   naviyam down",
    )


def start(
    session: Session,
    *,
    shops: Path | None,
    wait: bool,
    keep: bool,
    timeout_s: float,
) -> dict[str, object]:
    """Bootstrap and start what is not there yet; on failure stop what this call started, unless `keep`.

    An application that starts now answers by the traffic table of the experiments that are open.

    Ray starts while the bootstrap runs: neither needs the other, and each leaves a core free.

    Raises:
        NaviyamError: a step failed, or Ray or the application did not start; the message says where the log is.
    """
    from cluster.cli.bootstrap import check_sources, run_steps
    from cluster.ray_io import head as heads

    check_sources(shops=shops, workbook=None)
    began = time.monotonic()
    running = heads.find_head(session.settings)
    if running is not None and not heads.is_whole(running):
        session.say("ray: an earlier head was killed; starting again on its tables")
        running = None
    elif running is None:
        session.say("ray: starting")
    with ThreadPoolExecutor(max_workers=1) as pool:
        starting = pool.submit(lambda: running or heads.start_head(session.settings, os.environ))
        try:
            run_steps(session, shops=shops, workbook=None)
            application = _deploy(session, starting.result(), wait=wait, timeout_s=timeout_s)
        except BaseException as error:
            head = None if starting.exception() else starting.result()
            if head is None:
                raise
            if running or keep:
                session.say(f"left running; logs: {head.logs}")
                raise
            if isinstance(error, Exception):
                _show_replica_logs(session, head)
            session.say("the start failed; stopping Ray")
            heads.stop_head(session.settings, head)
            raise
    seconds = round(time.monotonic() - began, 1)
    session.say(f"{'was up already' if running else 'up'}: {application} ({seconds} s)")
    return {
        "status": application,
        "url": session.base_url,
        "dashboard_url": session.dashboard_url,
        "started": running is None,
        "seconds": seconds,
        "logs": str(starting.result().logs),
    }


def _deploy(session: Session, head: "Head", *, wait: bool, timeout_s: float) -> str:
    from cluster.cli.ready import wait_ready
    from cluster.database import open_engine
    from cluster.ray_io import serve
    from cluster.ray_io.head import marked_processes
    from cluster.rollout.sql_store import SqlExperiments
    from cluster.traffic_file import restore_traffic

    traffic = SqlExperiments(open_engine(session.settings)).traffic()
    goal = serve.declaration(session.settings, session.config_path, traffic=traffic)
    if serve.look(session.dashboard_url).status != "RUNNING":
        restore_traffic(session.settings, traffic)
        serve.deploy(session.dashboard_url, goal)
    with ThreadPoolExecutor(max_workers=1) as pool:
        controlling = pool.submit(start_controller, session, head)
        if not wait:
            controlling.result()
            return "DEPLOYING"
        application = serve.wait_running(
            session.dashboard_url,
            timeout_s=timeout_s,
            alive=lambda: bool(marked_processes(head.mark)),
            report=lambda line: session.say(f"serve: {line}"),
        )
        wait_ready(session, timeout_s=timeout_s)
        controlling.result()
    return application.status


def start_controller(session: Session, head: "Head") -> None:
    """Start the controller's actor on a running head, or find it there. Idempotent.

    Raises:
        ProgramError: it did not start.
    """
    from cluster.programs import run_module
    from cluster.ray_io.environment import ray_environment
    from cluster.ray_io.head import MARK

    config = ["--config", str(session.config_path)] if session.config_path else []
    environ = {**os.environ, **ray_environment(session.settings), MARK: head.mark}
    run_module("cluster.ray_io.controller", config, say=lambda line: None, environ=environ)
    session.say("controller: up")


def _show_replica_logs(session: Session, head: "Head") -> None:
    """Say where the logs are; the session folder outlives the head."""
    logs = head.logs.resolve()
    session.say(f"logs: {logs} and {logs / 'serve'}; Ray's own: {head.log}")
