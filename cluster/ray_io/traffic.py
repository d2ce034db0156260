"""Traffic of a running application: publishes the table, waits until every replica holds it, and sees to the adapters it needs.

Nothing is restarted: of the goal state only the language model's adapters change, where they have to.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.ray_io import serve
from cluster.registry.champion import Champion
from cluster.rollout.traffic import Traffic
from cluster.traffic_file import publish_traffic
from naviyam.errors import ConflictError
from naviyam.settings import Settings

_LOOK_EVERY_S = 0.02
_COUNT_EVERY_S = 0.5
_ANSWERING = ("RUNNING", "UPDATING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A table that every ingress replica holds, `seconds` after it was handed over.

    `waiting` names layers whose candidates some replica is still loading: nobody is in their experiments there yet.
    """

    revision: int
    replicas: int
    seconds: float
    waiting: tuple[str, ...]


class NotTakenError(serve.ServeError):
    """The table is published, but not every replica said within the time that it holds it."""


def apply_traffic(
    settings: Settings,
    traffic: Traffic,
    *,
    dashboard_url: str,
    base_url: str,
    adapters: Sequence[Champion] = (),
    timeout_s: float = 10.0,
) -> Applied:
    """Publish a table and wait until the replicas hold it. Idempotent; blocks.

    Raises:
        ConflictError: the application was not declared yet (`naviyam up`), or a newer table was published.
        NotTakenError: it took longer than `timeout_s`; the replicas take it as soon as they look.
        ServeError: Serve refused the adapters.
    """
    applications = serve.declared(dashboard_url)
    ours = [a for a in applications if a["name"] == serve.APPLICATION]
    if not ours:
        raise ConflictError("the application does not run; `naviyam up` starts it")
    began = time.monotonic()
    publish_traffic(settings, traffic)
    waiting, replicas = _wait(dashboard_url, base_url, traffic.revision, began + timeout_s)
    seconds = time.monotonic() - began
    if _tell_adapters(ours[0], serve.user_configs(settings, traffic, adapters)):
        serve.deploy(dashboard_url, serve.goal(settings, applications))
    return Applied(revision=traffic.revision, replicas=replicas, seconds=seconds, waiting=waiting)


def _tell_adapters(application: dict[str, Any], told: list[dict[str, Any]]) -> bool:
    """Put the adapters into a declaration; return whether it had others."""
    wanted = [d for d in told if d["name"] == serve.LLM]
    held = application.get("deployments") or []
    if all(any(_says(h, w) for h in held) for w in wanted):
        return False
    names = {w["name"] for w in wanted}
    merged = [{**next((h for h in held if h["name"] == w["name"]), {}), **w} for w in wanted]
    application["deployments"] = [h for h in held if h["name"] not in names] + merged
    return True


def _says(held: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return bool(held["name"] == wanted["name"] and held.get("user_config") == wanted["user_config"])


def _wait(
    dashboard_url: str, base_url: str, revision: int, deadline: float
) -> tuple[tuple[str, ...], int]:
    """Ask until as many different replicas as run have told that they hold the revision."""
    waiting: dict[str, tuple[str, ...]] = {}
    wanted, counted = 1, 0.0
    while True:
        if (now := time.monotonic()) - counted > _COUNT_EVERY_S:
            wanted, counted = _replicas(dashboard_url), now
        try:
            # a connection of its own each time: a kept one stays with its replica
            held = httpx.get(f"{base_url}/healthz", timeout=2.0, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            held = {}
        if held.get("traffic", -1) >= revision:
            waiting[held["replica"]] = tuple(held["waiting"])
        if len(waiting) >= wanted:
            return tuple(sorted({layer for w in waiting.values() for layer in w})), len(waiting)
        if now > deadline:
            raise NotTakenError(
                f"{len(waiting)} of {wanted} replicas hold traffic revision {revision}; it is published, look again"
            )
        time.sleep(_LOOK_EVERY_S)


def _replicas(dashboard_url: str) -> int:
    for deployment in serve.look(dashboard_url).deployments:
        if deployment.name == serve.INGRESS:
            return max(1, sum(deployment.replicas.get(state, 0) for state in _ANSWERING))
    return 1
