"""Traffic of a running application: changes the goal state's user configs alone, then waits until every replica holds it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.ray_io import serve
from cluster.registry.champion import Champion
from cluster.rollout.traffic import Traffic
from naviyam.errors import ConflictError
from naviyam.settings import Settings

_LOOK_EVERY_S = 0.02
_COUNT_EVERY_S = 0.5
_ANSWERING = ("RUNNING", "UPDATING")
_AT_ONCE = {"rolling_update_percentage": 1.0}


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
    """Serve has the table, but not every replica said within the time that it holds it."""


def apply_traffic(
    settings: Settings,
    traffic: Traffic,
    *,
    dashboard_url: str,
    base_url: str,
    adapters: Sequence[Champion] = (),
    timeout_s: float = 10.0,
) -> Applied:
    """Hand a table to the running application and wait until its replicas hold it. Idempotent; blocks.

    What else was declared (the settings file, other applications) stays as it is, so that nothing is restarted.

    Raises:
        ConflictError: the application was not declared yet (`naviyam up`), or a newer table was.
        NotTakenError: it took longer than `timeout_s`; Serve goes on handing it over.
        ServeError: Serve refused it.
    """
    applications = serve.declared(dashboard_url)
    ours = [a for a in applications if a["name"] == serve.APPLICATION]
    if not ours:
        raise ConflictError("the application does not run; `naviyam up` starts it")
    if (newer := declared_traffic(ours[0]).revision) > traffic.revision:
        raise ConflictError(
            f"traffic revision {newer} was declared, {traffic.revision} is older and would be ignored; count on from {newer}"
        )
    began = time.monotonic()
    ours[0]["deployments"] = _merged(
        ours[0].get("deployments") or [], serve.user_configs(settings, traffic, adapters)
    )
    serve.deploy(dashboard_url, serve.goal(settings, applications))
    waiting, replicas = _wait(dashboard_url, base_url, traffic.revision, began + timeout_s)
    return Applied(
        revision=traffic.revision,
        replicas=replicas,
        seconds=time.monotonic() - began,
        waiting=waiting,
    )


def declared_traffic(application: Mapping[str, Any]) -> Traffic:
    """Return the table in an application's declaration, the empty one where there is none."""
    for deployment in application.get("deployments") or ():
        if deployment["name"] == serve.INGRESS:
            return Traffic.parse((deployment.get("user_config") or {}).get("traffic") or {})
    return Traffic()


def _merged(held: list[dict[str, Any]], told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the deployments' own options with the user configs that are told, and all replicas told at once.

    Serve goes from a fifth of the replicas to the next only once a round of its controller, which is seconds for five.
    """
    by_name = {d["name"]: d for d in held}
    for one in told:
        by_name[one["name"]] = {**by_name.get(one["name"], {}), **one, **_AT_ONCE}
    return list(by_name.values())


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
                f"{len(waiting)} of {wanted} replicas hold traffic revision {revision}; it was handed over, look again"
            )
        time.sleep(_LOOK_EVERY_S)


def _replicas(dashboard_url: str) -> int:
    for deployment in serve.look(dashboard_url).deployments:
        if deployment.name == serve.INGRESS:
            return max(1, sum(deployment.replicas.get(state, 0) for state in _ANSWERING))
    return 1
