"""Ray's fake multi-node provider, with nodes that can stand side by side: each has a balancer and ports of its own.

Ray's autoscaler imports `FakeNodes` by name (`provider: {type: external, module: ...}`) into its monitor process, a child of
the head. Ray's own provider gives all nodes the same environment, in which only one of them could have a proxy.
"""

import os
import threading
from pathlib import Path
from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FakeMultiNodeProvider,
)
from ray.autoscaler.tags import (
    NODE_KIND_WORKER,
    STATUS_UP_TO_DATE,
    TAG_RAY_NODE_KIND,
    TAG_RAY_NODE_NAME,
    TAG_RAY_NODE_STATUS,
    TAG_RAY_USER_NODE_TYPE,
)

from cluster.ray_io.local_nodes import LocalNode, NodeShape, start_node, stop_node

HEAD_TYPE = "ray.head.default"


class FakeNodes(FakeMultiNodeProvider):  # type: ignore[misc]
    """Starts and stops nodes as processes of this machine; the rest is Ray's."""

    def _create_node_with_resources_and_labels(
        self,
        node_config: dict[str, Any],
        tags: dict[str, str],
        count: int,
        resources: dict[str, float],
        labels: dict[str, str],
    ) -> None:
        with self.lock:
            identity = self._next_hex_node_id()
            offered = dict(resources)
            node_type = tags[TAG_RAY_USER_NODE_TYPE]
            shape = NodeShape(
                cpus=offered.pop("CPU", 0), gpus=offered.pop("GPU", 0), resources=offered
            )
            environ = {
                **os.environ,
                "RAY_CLOUD_INSTANCE_ID": identity,
                "RAY_NODE_TYPE_NAME": node_type,
                "RAY_OVERRIDE_NODE_ID_FOR_TESTING": identity,
            }
            log = Path(self.provider_config["logs"]) / f"{identity}.log"
            node = start_node(self._gcs_address, identity, shape, environ, log=log)
            named = {
                TAG_RAY_NODE_KIND: NODE_KIND_WORKER,
                TAG_RAY_USER_NODE_TYPE: node_type,
                TAG_RAY_NODE_NAME: identity,
                TAG_RAY_NODE_STATUS: STATUS_UP_TO_DATE,
            }
            self._nodes[identity] = {"tags": {**named, **tags}, "node": node}

    def _terminate_node(self, node: dict[str, Any]) -> None:
        gone: LocalNode = node["node"]
        # The autoscaler's loop would wait for it.
        threading.Thread(target=stop_node, args=(gone,), daemon=True).start()


def head_variables() -> dict[str, str]:
    """Return what the head sees besides its cluster's environment: that its autoscaler, the one KubeRay has too, knows it."""
    return {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }


def autoscaling_config(
    gcs: str,
    *,
    head: NodeShape,
    workers: dict[str, NodeShape],
    max_workers: int,
    idle_timeout_s: float,
    logs: Path,
) -> dict[str, Any]:
    """Return the configuration of Ray's autoscaler: a head that is always there, and `workers` by node type from none up."""
    types = {
        name: {
            "resources": offered(shape),
            "node_config": {},
            "min_workers": 0,
            "max_workers": max_workers,
        }
        for name, shape in workers.items()
    }
    return {
        "cluster_name": "naviyam-fake",
        "max_workers": max_workers * len(workers),
        "provider": {
            "type": "external",
            "module": f"{__name__}.FakeNodes",
            "gcs_address": gcs,
            "logs": str(logs),
            "head_node_id": FAKE_HEAD_NODE_ID,
            "launch_multiple": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {},
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": idle_timeout_s / 60,
        "available_node_types": {
            **types,
            HEAD_TYPE: {"resources": offered(head), "node_config": {}, "max_workers": 0},
        },
        "head_node_type": HEAD_TYPE,
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "initialization_commands": [],
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }


def offered(shape: NodeShape) -> dict[str, float]:
    """Return a shape as Ray counts it."""
    gpus = {"GPU": shape.gpus} if shape.gpus else {}
    return {"CPU": shape.cpus, **gpus, **shape.resources}
