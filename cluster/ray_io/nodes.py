"""What stands where: nodes, replicas and proxies as Ray's dashboard tells them. Looks, and changes nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.ray_io.serve import APPLICATION
from naviyam.errors import NaviyamError

_TIMEOUT_S = 10.0
RUNNING = "RUNNING"


class DashboardError(NaviyamError, RuntimeError):
    """Ray's dashboard did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node that is alive; `offered` is what Ray counts on it."""

    id: str
    name: str
    address: str
    head: bool
    offered: Mapping[str, float]

    @property
    def kind(self) -> str:
        """`head`, `gpu` or `cpu`."""
        if self.head:
            return "head"
        return "gpu" if self.offered.get("GPU", 0) else "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica; `node` is "" while it waits for one."""

    deployment: str
    id: str
    node: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A cluster at one moment; `proxies` is their status by node."""

    nodes: tuple[Node, ...]
    replicas: tuple[Replica, ...]
    proxies: Mapping[str, str]

    def count(self, deployment: str, state: str = RUNNING) -> int:
        """Return how many replicas of a deployment are in a state."""
        return sum(r.deployment == deployment and r.state == state for r in self.replicas)

    def spread(self, deployment: str) -> Mapping[str, int]:
        """Return how many running replicas of a deployment are on each node that has one."""
        return Counter(
            r.node for r in self.replicas if r.deployment == deployment and r.state == RUNNING
        )

    def kinds(self) -> Mapping[str, int]:
        """Return how many nodes there are of each kind."""
        return Counter(node.kind for node in self.nodes)


def look(dashboard_url: str) -> Scene:
    """Return how the cluster stands.

    Raises:
        DashboardError: it does not answer.
    """
    with httpx.Client(base_url=dashboard_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        served = _get(client, "/api/serve/applications/")
        nodes = _get(client, "/api/v0/nodes?detail=1&limit=1000")
    return Scene(
        nodes=parse_nodes(nodes),
        replicas=parse_replicas(served),
        proxies={node: one["status"] for node, one in (served.get("proxies") or {}).items()},
    )


def living_nodes(dashboard_url: str) -> tuple[Node, ...]:
    """Return the nodes that are alive.

    Raises:
        DashboardError: it does not answer.
    """
    with httpx.Client(base_url=dashboard_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        return parse_nodes(_get(client, "/api/v0/nodes?detail=1&limit=1000"))


def actor_node(dashboard_url: str, name: str) -> str:
    """Return the id of the node on which the living actor of this name is, "" where there is none.

    Raises:
        DashboardError: it does not answer.
    """
    query = f"filter_keys=name&filter_predicates=%3D&filter_values={name}&detail=1"
    with httpx.Client(base_url=dashboard_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        found = _get(client, f"/api/v0/actors?{query}")
    rows = found.get("data", {}).get("result", {}).get("result", [])
    return next((str(row["node_id"]) for row in rows if row["state"] == "ALIVE"), "")


def parse_nodes(found: Mapping[str, Any]) -> tuple[Node, ...]:
    """Return the living nodes of the state API's answer, the head first."""
    rows = found.get("data", {}).get("result", {}).get("result", [])
    alive = [
        Node(
            id=row["node_id"],
            name=str(row.get("node_name") or row["node_ip"]),
            address=row["node_ip"],
            head=bool(row["is_head_node"]),
            offered=dict(row.get("resources_total") or {}),
        )
        for row in rows
        if row["state"] == "ALIVE"
    ]
    return tuple(sorted(alive, key=lambda node: (not node.head, node.id)))


def parse_replicas(served: Mapping[str, Any]) -> tuple[Replica, ...]:
    """Return the application's replicas of Serve's answer."""
    deployments = served.get("applications", {}).get(APPLICATION, {}).get("deployments", {})
    return tuple(
        Replica(
            deployment=name,
            id=replica["replica_id"],
            node=replica.get("node_id") or "",
            state=replica["state"],
        )
        for name, one in sorted(deployments.items())
        for replica in one.get("replicas", ())
    )


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    try:
        answer = client.get(path)
        found: dict[str, Any] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as e:
        raise DashboardError(
            f"Ray's dashboard at {client.base_url} does not answer {path} ({type(e).__name__}: {e}); "
            "is the cluster up, and cluster.dashboard_url right?"
        ) from e
    return found
