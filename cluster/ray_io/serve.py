"""The Serve application through Serve's REST interface: declare, watch, delete.

The declaration is the whole goal state; sending the same one again changes nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.registry.champion import Champion, challenger, reader
from cluster.rollout.traffic import Traffic
from naviyam.errors import NaviyamError
from naviyam.settings import Settings

APPLICATION = "naviyam"
IMPORT_PATH = "deployments.app:build_app"
INGRESS = "Ingress"
LLM = "LLM"
"""Names of the deployments that are told something while they run."""

NO_TRAFFIC = Traffic()
_ROUTE = "/api/serve/applications/"


class ServeError(NaviyamError, RuntimeError):
    """Serve refused the application, or it did not become healthy; the message holds Serve's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment as Serve reports it."""

    name: str
    status: str
    message: str
    replicas: Mapping[str, int]
    """Replica state to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The application as Serve reports it; `status` is NOT_STARTED where Serve does not know it."""

    status: str
    message: str = ""
    deployments: tuple[Deployment, ...] = ()

    def trouble(self) -> str:
        """Return what Serve says is wrong, the deployments' words first."""
        parts = [
            f"{d.name} ({d.status}): {d.message}" for d in self.deployments if d.message.strip()
        ]
        return "\n".join([*parts, self.message]).strip()


def declaration(
    settings: Settings,
    config: Path | None,
    *,
    traffic: Traffic = NO_TRAFFIC,
    adapters: Sequence[Champion] = (),
) -> dict[str, Any]:
    """Return the goal state: one application, built from the settings file by `deployments.app`.

    Args:
        settings: where it listens, and which deployments it has.
        config: the settings file that the application is built from.
        traffic: the running experiments; a goal state that leaves them out ends them.
        adapters: more of them for the language model, besides those of `traffic`.
    """
    application = {
        "name": APPLICATION,
        "route_prefix": "/",
        "import_path": IMPORT_PATH,
        "args": {"config": str(config)} if config else {},
        "deployments": user_configs(settings, traffic, adapters),
    }
    return goal(settings, [application])


def goal(settings: Settings, applications: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole goal state of a cluster that runs these applications."""
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": settings.serving.host, "port": settings.serving.port},
        "applications": applications,
    }


def user_configs(
    settings: Settings, traffic: Traffic, adapters: Sequence[Champion]
) -> list[dict[str, Any]]:
    """Return what replicas are told: the ingress its traffic, the language model its adapters beside the champion."""
    told = [{"name": INGRESS, "user_config": {"traffic": traffic.to_dict()}}]
    if not settings.llm.enabled:
        return told
    tried = [challenger(settings, s.candidate) for s in traffic.splits if s.layer == "adapter"]
    read = reader(settings)
    wanted = [*([read] if read is not None else []), *tried, *adapters]
    listed = [
        {"name": a.name, "version": a.version, "path": str(a.folder.absolute())}
        for a in dict.fromkeys(wanted)
    ]
    return [*told, {"name": LLM, "user_config": {"adapters": listed}}]


def deploy(dashboard_url: str, goal: Mapping[str, Any]) -> None:
    """Hand over the goal state; returns before it is reached."""
    _call("PUT", dashboard_url, json=goal)


def delete(dashboard_url: str) -> None:
    """End Serve on this cluster, its proxies with it."""
    _call("DELETE", dashboard_url)


def look(dashboard_url: str) -> Application:
    """Return the state of the application."""
    found = _call("GET", dashboard_url).get("applications", {}).get(APPLICATION)
    return Application(status="NOT_STARTED") if found is None else parse_application(found)


def parse_application(found: Mapping[str, Any]) -> Application:
    """Return what Serve's report says of one application."""
    deployments = []
    for name, one in sorted(found.get("deployments", {}).items()):
        counts: dict[str, int] = {}
        for replica in one.get("replicas", ()):
            counts[replica["state"]] = counts.get(replica["state"], 0) + 1
        deployments.append(
            Deployment(
                name=name, status=one["status"], message=one.get("message", ""), replicas=counts
            )
        )
    return Application(
        status=found["status"], message=found.get("message", ""), deployments=tuple(deployments)
    )


def wait_running(
    dashboard_url: str,
    *,
    timeout_s: float,
    alive: Callable[[], bool],
    report: Callable[[str], None],
) -> Application:
    """Wait until the application runs.

    Raises:
        ServeError: it failed, Ray ended, or the time is over.
    """
    deadline = time.monotonic() + timeout_s
    last = ""
    while True:
        application = look(dashboard_url)
        if application.status == "RUNNING":
            return application
        if application.status in {"DEPLOY_FAILED", "UNHEALTHY"}:
            raise ServeError(f"the application is {application.status}\n{application.trouble()}")
        if not alive():
            raise ServeError("Ray ended while the application was starting")
        if time.monotonic() > deadline:
            raise ServeError(
                f"the application is {application.status} after {timeout_s:.0f} s\n{application.trouble()}"
            )
        state = ", ".join(f"{d.name} {d.status.lower()}" for d in application.deployments)
        if (line := f"{application.status.lower()}: {state}".rstrip(": ")) != last:
            report(line)
            last = line
        time.sleep(0.5)


def declared(dashboard_url: str) -> list[dict[str, Any]]:
    """Return every application of the cluster as it was declared; none before the first declaration."""
    found = _call("GET", dashboard_url).get("applications", {})
    return [a["deployed_app_config"] for a in found.values() if a.get("deployed_app_config")]


def _call(method: str, dashboard_url: str, **arguments: Any) -> dict[str, Any]:
    """Call the REST interface; the dashboard may still be loading it just after a start."""
    for attempt in range(20):
        try:
            response = httpx.request(
                method, dashboard_url + _ROUTE, timeout=60, trust_env=False, **arguments
            )
        except httpx.TransportError as error:
            problem, retry = f"{type(error).__name__}: {error}", method == "GET"
        else:
            if response.is_success:
                return response.json() if response.text.startswith("{") else {}
            problem, retry = f"{response.status_code}: {response.text[:2000]}", False
            retry = response.status_code in {404, 502, 503}
        if not retry:
            break
        if attempt < 19:
            time.sleep(0.5)
    raise ServeError(f"Serve at {dashboard_url} answered {problem}")
