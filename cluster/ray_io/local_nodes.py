"""Several Ray nodes on this machine, each with processes, ports and a proxy of its own: for benches and tests.

A node is a `cluster.ray_io.local_node` in a process session of its own; what it starts carries its name in the environment, so
that exactly its processes can be killed, as if its machine had lost power. All nodes share this machine's disk.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.ray_io.environment import free_port
from cluster.ray_io.head import MARK, processes_with

NODE = "NAVIYAM_RAY_NODE"
_OBJECT_STORE_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShape:
    """What a node offers; Ray only counts it."""

    cpus: float = 2
    gpus: float = 0
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNode:
    """A node that was started; `proxy_url` is where its balancer listens once it has one."""

    name: str
    pid: int
    proxy_url: str


def node_variables(name: str, *, proxy_port: int) -> dict[str, str]:
    """Return what a node's processes see besides their cluster's environment: its name, and ports that no other node has."""
    return {
        NODE: name,
        "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(proxy_port),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
    }


def start_node(
    gcs: str,
    name: str,
    shape: NodeShape,
    environ: Mapping[str, str],
    *,
    log: Path,
    proxy_port: int = 0,
) -> LocalNode:
    """Start a node that joins the cluster of `gcs`, and return at once.

    Args:
        gcs: address of the cluster's tables.
        name: of the node, unlike the names of all others on this machine.
        shape: what it offers.
        environ: the cluster's environment, its mark included.
        log: where its own words go.
        proxy_port: where its balancer will listen; 0 is any free port.
    """
    port = proxy_port or free_port()
    command = [
        *(sys.executable, "-m", "cluster.ray_io.local_node", "--name", name, "--address", gcs),
        *("--cpus", f"{shape.cpus:g}", "--gpus", f"{shape.gpus:g}"),
        *("--resources", json.dumps(dict(shape.resources))),
        *("--object-store-bytes", str(_OBJECT_STORE_BYTES)),
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            env={**environ, **node_variables(name, proxy_port=port)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return LocalNode(name=name, pid=process.pid, proxy_url=f"http://127.0.0.1:{port}")


def kill_node(name: str) -> int:
    """Kill -9 every process of a node at once; return how many there were."""
    pids = processes_with(NODE, name)
    for pid in pids:
        _signal(pid, signal.SIGKILL)
    return len(pids)


def stop_node(node: LocalNode, *, timeout_s: float = 15) -> None:
    """End a node in order, what is left of it with force."""
    _signal(node.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while processes_with(NODE, node.name) and time.monotonic() < deadline:
        time.sleep(0.2)
    kill_node(node.name)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def proxies_here(mark: str) -> list[str]:
    """Return where the balancers of the living nodes of a cluster listen, that of its head left out."""
    ports = set()
    for pid in processes_with(MARK, mark):
        port = _variable(pid, "RAY_SERVE_WORKER_PROXY_HTTP_PORT")
        if port:
            ports.add(port)
    return [f"http://127.0.0.1:{port}" for port in sorted(ports)]


def _variable(pid: int, name: str) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    start = f"{name}=".encode()
    return next((v.removeprefix(start).decode() for v in environment if v.startswith(start)), "")
