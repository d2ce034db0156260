"""One Ray node as a process of this machine: `python -m cluster.ray_io.local_node --address GCS ...`, until it is told to end.

Not `ray start --address`: that refuses to join where Ray is bound to the loopback address, as all clusters of ours on one
machine are.
"""

import argparse
import contextlib
import fcntl
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ray._private.node
import ray._private.parameter

_LOOPBACK = "127.0.0.1"
_LOOK_EVERY_S = 0.5


@contextlib.contextmanager
def _alone(address: str) -> Iterator[None]:
    """One node of a cluster starts at a time: two that look for free socket names at once find the same ones."""
    name = f"naviyam-nodes-{address.rpartition(':')[2]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Start the node, wait until it ends or is told to."""
    parser = argparse.ArgumentParser(
        prog="python -m cluster.ray_io.local_node", description=__doc__
    )
    parser.add_argument("--name", required=True, help="of the node, as Ray shows it")
    parser.add_argument("--address", required=True, help="GCS of the cluster")
    parser.add_argument("--cpus", type=float, required=True)
    parser.add_argument("--gpus", type=float, required=True)
    parser.add_argument("--resources", type=json.loads, default={}, help="custom ones, as JSON")
    parser.add_argument("--object-store-bytes", type=int, required=True)
    given = parser.parse_args()
    parameters = ray._private.parameter.RayParams(
        gcs_address=given.address,
        redis_address=given.address,
        node_name=given.name,
        node_ip_address=_LOOPBACK,
        num_cpus=given.cpus,
        num_gpus=given.gpus,
        resources=given.resources,
        object_store_memory=given.object_store_bytes,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        dashboard_agent_listen_port=0,
        include_log_monitor=False,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _alone(given.address):
        node = ray._private.node.Node(
            parameters, head=False, shutdown_at_exit=True, spawn_reaper=False
        )
    while not node.dead_processes():
        time.sleep(_LOOK_EVERY_S)
    return 1


if __name__ == "__main__":
    sys.exit(main())
