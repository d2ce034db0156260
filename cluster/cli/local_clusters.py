"""Clusters of several nodes on this machine for benches and tests: with Ray's autoscaler, or of nodes that are added by hand."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.cli.session import Session
from naviyam.errors import NaviyamError

if TYPE_CHECKING:
    from cluster.ray_io.head import Head
    from cluster.ray_io.local_nodes import NodeShape

DEPLOYED_WITHIN_S = 300.0


@dataclass(slots=True)
class Fleet:
    """A head and nodes by name."""

    session: Session
    head: "Head"
    environ: dict[str, str]
    names: list[str] = field(default_factory=list)

    def add(self, name: str, shape: "NodeShape") -> None:
        """Start a node."""
        from cluster.ray_io.local_nodes import start_node

        logs = self.session.settings.paths.state.resolve() / "nodes"
        logs.mkdir(parents=True, exist_ok=True)
        start_node(self.head.gcs, name, shape, self.environ, log=logs / f"{name}.log")
        self.names.append(name)

    def kill(self, name: str) -> int:
        """Kill every process of a node."""
        from cluster.ray_io.local_nodes import kill_node

        self.names.remove(name)
        return kill_node(name)


@contextlib.contextmanager
def fleet(session: Session, *, cpus: float) -> Iterator[Fleet]:
    """A head on this machine, as long as the block lasts."""
    from cluster.ray_io import head as heads
    from cluster.ray_io.environment import ray_environment

    started = heads.start_head(session.settings, os.environ, arguments=("--num-cpus", f"{cpus:g}"))
    environ = {
        **os.environ,
        **ray_environment(session.settings),
        heads.MARK: started.mark,
    }
    try:
        yield Fleet(session, started, environ)
    finally:
        stop_all(session, started)


@contextlib.contextmanager
def fake_cluster(
    session: Session, *, head: "NodeShape", workers: "dict[str, NodeShape]", max_workers: int, idle_timeout_s: float
) -> "Iterator[Head]":  # fmt: skip
    """A head with Ray's autoscaler over nodes of this machine, as long as the block lasts.

    Not `ray.cluster_utils.AutoscalingCluster`: that one begins with `ray stop --force`, which ends every Ray of the machine.
    """
    from cluster.ray_io import head as heads
    from cluster.ray_io.environment import free_port
    from cluster.ray_io.fake_nodes import autoscaling_config, head_variables

    gcs_port = free_port()
    logs = session.settings.paths.state.resolve() / "nodes"
    logs.mkdir(parents=True, exist_ok=True)
    config = autoscaling_config(
        f"127.0.0.1:{gcs_port}",
        head=head,
        workers=workers,
        max_workers=max_workers,
        idle_timeout_s=idle_timeout_s,
        logs=logs,
    )
    path = session.settings.paths.state.resolve() / "ray-autoscaler.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH")))
        ),
        **head_variables(),
    }
    arguments = ["--num-cpus", f"{head.cpus:g}", "--autoscaling-config", str(path)]
    if head.resources:
        arguments += ["--resources", json.dumps(dict(head.resources))]
    started = heads.start_head(session.settings, environ, gcs_port=gcs_port, arguments=arguments)
    try:
        yield started
    finally:
        stop_all(session, started)


def stop_all(session: Session, head: "Head") -> None:
    """End the application, then every process of the cluster."""
    from cluster.ray_io import head as heads
    from cluster.ray_io import serve

    try:
        serve.delete(session.dashboard_url)
    except NaviyamError as e:
        session.say(f"Serve did not end: {e}")
    heads.stop_head(session.settings, head, timeout_s=5)


def left_of(cluster: Fleet) -> list[int]:
    """Return the ids of the processes that a cluster left running."""
    from cluster.ray_io.head import marked_processes

    return marked_processes(cluster.head.mark)


def deploy(session: Session, head: "Head") -> None:
    """Deploy the application and wait until it answers."""
    from cluster.cli.ready import wait_ready
    from cluster.ray_io import serve
    from cluster.ray_io.head import marked_processes

    serve.deploy(session.dashboard_url, serve.declaration(session.settings, session.config_path))
    serve.wait_running(
        session.dashboard_url,
        timeout_s=DEPLOYED_WITHIN_S,
        alive=lambda: bool(marked_processes(head.mark)),
        report=lambda line: session.say(f"serve: {line}"),
    )
    wait_ready(session, timeout_s=60)
