"""The deployments of the application as a page of operations shows them: one look at Serve's REST interface, bounded in time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from cluster.ray_io.serve import APPLICATION, ServeError

_ROUTE = "/api/serve/applications/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One deployment: how many replicas it should have, and those it has by state."""

    name: str
    status: str
    message: str
    target: int
    replicas: Mapping[str, str]
    """Replica id to state."""

    nodes: int
    """On how many nodes they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The application by now."""

    status: str
    message: str
    deployments: tuple[Running, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Looks at the cluster behind `dashboard_url`."""

    dashboard_url: str
    timeout_s: float
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False))

    def look(self) -> Watched:
        """Look once.

        Raises:
            ServeError: the dashboard does not answer within the time.
        """
        try:
            answer = self._client.get(f"{self.dashboard_url}{_ROUTE}", timeout=self.timeout_s)
            answer.raise_for_status()
            return parse(answer.json())
        except (httpx.HTTPError, ValueError, KeyError) as e:
            raise ServeError(
                f"Serve at {self.dashboard_url} does not tell its deployments ({type(e).__name__})"
            ) from e


def parse(answer: Mapping[str, Any]) -> Watched:
    """Return what Serve's report says of our application."""
    found = answer["applications"].get(APPLICATION)
    if found is None:
        return Watched(status="NOT_STARTED", message="", deployments=())
    return Watched(
        status=found["status"],
        message=found.get("message", ""),
        deployments=tuple(_running(n, d) for n, d in sorted(found.get("deployments", {}).items())),
    )


def _running(name: str, found: Mapping[str, Any]) -> Running:
    replicas = found.get("replicas", ())
    return Running(
        name=name,
        status=found["status"],
        message=found.get("message", ""),
        target=int(found.get("target_num_replicas") or 0),
        replicas={r["replica_id"]: r["state"] for r in replicas},
        nodes=len({r.get("node_id") for r in replicas}),
    )
