"""`naviyam up`, `down` and `status` on a Ray cluster that others started (`cluster.address`): deploys, and leaves Ray alone."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.cli.session import Session
from naviyam.errors import ConfigError

if TYPE_CHECKING:
    from cluster.ray_io.nodes import Node


def join(
    session: Session, *, shops: Path | None, wait: bool, timeout_s: float
) -> dict[str, object]:
    """Deploy onto the cluster and start the controller there. Idempotent.

    Raises:
        ConfigError: replicas on its machines would not find what they need.
        DashboardError: its dashboard does not answer.
        NaviyamError: a step failed, or the application did not start.
    """
    from cluster.cli.bootstrap import run_steps

    began = time.monotonic()
    nodes = fitting_nodes(session)
    session.say(f"ray: {len(nodes)} nodes behind {session.dashboard_url}")
    run_steps(session, shops=shops, workbook=None)
    status, started = deploy_onto(session, wait=wait, timeout_s=timeout_s)
    seconds = round(time.monotonic() - began, 1)
    session.say(f"{'up' if started else 'was up already'}: {status} ({seconds} s)")
    return {
        "status": status,
        "url": session.base_url,
        "dashboard_url": session.dashboard_url,
        "started": started,
        "nodes": len(nodes),
        "seconds": seconds,
    }


def fitting_nodes(session: Session) -> "tuple[Node, ...]":
    """Return the cluster's nodes.

    Raises:
        ConfigError: the installation cannot run on them as it is configured; the message names the key.
    """
    from cluster.placement import misplaced
    from cluster.ray_io.nodes import living_nodes

    nodes = living_nodes(session.dashboard_url)
    problem = misplaced(session.settings, [node.address for node in nodes])
    if problem is not None:
        raise ConfigError(problem.reason)
    return nodes


def deploy_onto(session: Session, *, wait: bool, timeout_s: float) -> tuple[str, bool]:
    """Hand over the goal state beside other teams' applications, and start the controller.

    Returns:
        The application's status, and whether it was not there before.
    """
    from cluster.cli.ready import wait_ready
    from cluster.database import open_engine
    from cluster.ray_io import serve
    from cluster.rollout.sql_store import SqlExperiments
    from cluster.traffic_file import restore_traffic

    traffic = SqlExperiments(open_engine(session.settings)).traffic()
    start = serve.look(session.dashboard_url).status != "RUNNING"
    if start:
        restore_traffic(session.settings, traffic)
        declared = serve.declaration(session.settings, session.config_path, traffic=traffic)
        serve.deploy(
            session.dashboard_url, {**declared, "applications": [*_others(session), *declared["applications"]]}
        )  # fmt: skip
    _control(session)
    session.say("controller: up")
    if not wait:
        return "DEPLOYING", start
    application = serve.wait_running(
        session.dashboard_url,
        timeout_s=timeout_s,
        alive=lambda: True,
        report=lambda line: session.say(f"serve: {line}"),
    )
    wait_ready(session, timeout_s=timeout_s)
    return application.status, start


def leave(session: Session) -> dict[str, object]:
    """Take the application off the cluster and end the controller; Ray and other applications run on. Idempotent."""
    from cluster.ray_io import serve

    there = serve.look(session.dashboard_url).status != "NOT_STARTED"
    session.say("taking the application off the cluster; Ray runs on")
    if there:
        serve.deploy(session.dashboard_url, serve.goal(session.settings, _others(session)))
    _control(session, "--stop")
    return {"stopped": there, "killed": 0}


def config_arguments(session: Session) -> list[str]:
    """Return the settings file as a program of the control plane is told."""
    return ["--config", str(session.config_path)] if session.config_path else []


def _control(session: Session, *more: str) -> None:
    from cluster.programs import run_module
    from cluster.ray_io.environment import joining_environment

    run_module(
        "cluster.ray_io.controller",
        [*config_arguments(session), *more],
        say=lambda line: None,
        environ={**os.environ, **joining_environment(session.settings)},
    )


def _others(session: Session) -> list[dict[str, object]]:
    from cluster.ray_io import serve

    return [a for a in serve.declared(session.dashboard_url) if a["name"] != serve.APPLICATION]
