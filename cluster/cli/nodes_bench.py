"""`naviyam bench nodes`: an installation in use on several nodes; one dies with all its processes, one comes, a release rolls over them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.cli.crowd import Asked, chatting_crowd
from cluster.cli.local_clusters import Fleet, deploy, fleet
from cluster.cli.measures import quantile
from cluster.cli.session import Session, table
from cluster.cli.timeline import DoorsFollowed, TimeLine, deployments_of
from naviyam.errors import NaviyamError

if TYPE_CHECKING:
    from cluster.ray_io.local_nodes import NodeShape
    from cluster.ray_io.nodes import Scene

_WHOLE_WITHIN_S = 120.0
_JOB_WITHIN_S = 180.0
_RELEASE = "NAVIYAM_RELEASE"
JOB_RESOURCE = "job"
"""Custom resource of the nodes that run the bench's job; the head does not offer it."""

CONTROL_RESOURCE = "control"
"""Of the nodes that may run the controller where `cluster.controller_resources` names it."""

_JOB_KIND = "ranker"


class BenchError(NaviyamError, RuntimeError):
    """The cluster did not come into the state that the bench begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that was done to the cluster, and what the crowd saw of it until it was whole again."""

    what: str
    seconds: float | None
    """Until everything ran again; None where it did not within the time."""

    requests: int
    failed: int
    again: int
    slowest_s: float
    found: str = ""


def run(
    session: Session, *, nodes: int, clients: int, seed: int
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Start, use, kill, replace, roll over and stop; return the outcome and its tables."""
    from cluster.cli.bootstrap import run_steps
    from cluster.cli.near import point_of
    from cluster.cli.up import start_controller
    from cluster.ray_io.local_nodes import NodeShape

    run_steps(session, shops=None, workbook=None)
    point = point_of(session, None)
    shape = NodeShape(cpus=2, resources={JOB_RESOURCE: 1, CONTROL_RESOURCE: 1})
    acts: list[Act] = []
    with fleet(session, cpus=4) as cluster:
        for number in range(1, nodes):
            cluster.add(f"n{number}", shape)
        deploy(session, cluster.head)
        start_controller(session, cluster.head)
        crowd = chatting_crowd(session.base_url, point, seed=seed)
        line = TimeLine(session, crowd, deployments_of(session))
        with crowd, DoorsFollowed(crowd, cluster.head.mark, session.base_url):
            crowd.clients = clients
            if not line.watch(
                "spread", seconds=_WHOLE_WITHIN_S, until=lambda s: is_whole(session, s)
            ):
                raise BenchError(f"not every replica runs within {_WHOLE_WITHIN_S:.0f} s")
            line.watch("calm", seconds=6)
            placed = placement_rows(line.look("calm"))
            acts.append(_node_of_job_dies(session, cluster, line))
            acts.append(_node_comes(session, cluster, line, f"n{nodes}", shape))
            acts += filter(None, [_node_of_controller_dies(session, cluster, line)])
            acts.append(_rolls(session, line))
            crowd.clients = 0
            line.watch("end", seconds=2)
    return _outcome(line, acts, placed)


def is_whole(session: Session, scene: "Scene | None") -> bool:
    """Return whether every deployment has its least number of replicas running on living nodes, and no other replica is there."""
    if scene is None:
        return False
    serving = session.settings.serving
    living = {node.id for node in scene.nodes}
    running = [r for r in scene.replicas if r.state == "RUNNING" and r.node in living]
    return len(running) == len(scene.replicas) and all(
        scene.count(name) >= getattr(serving, name.lower()).min_replicas
        for name in deployments_of(session)
    )


def placement_rows(scene: "Scene | None") -> list[tuple[str, ...]]:
    """Return what runs on which node."""
    if scene is None:
        return []
    return [
        (
            node.name if not node.head else "head",
            ", ".join(
                sorted(
                    r.deployment
                    for r in scene.replicas
                    if r.node == node.id and r.state == "RUNNING"
                )
            ),
            scene.proxies.get(node.id, "none"),
        )
        for node in scene.nodes
    ]


def _act(
    what: str,
    line: TimeLine,
    do: Callable[[], str],
    until: "Callable[[Scene], bool]",
) -> Act:
    """Do something, watch until the cluster is whole again, and count what the crowd saw since."""
    began_s = line.crowd.now_s
    found = do()
    done = line.watch(what, seconds=_WHOLE_WITHIN_S, until=until, every_s=1.0)
    whole_s = line.crowd.now_s
    line.watch(f"{what}: after", seconds=5)
    seen = [a for a in line.crowd.asked if a.at_s >= began_s]
    return Act(
        what=what,
        seconds=round(whole_s - began_s, 1) if done else None,
        requests=len(seen),
        failed=sum(a.failed for a in seen),
        again=sum(a.again for a in seen),
        slowest_s=quantile([a.sample.seconds for a in seen], 1.0),
        found=found,
    )


def _node_of_job_dies(session: Session, cluster: Fleet, line: TimeLine) -> Act:
    """Kill the node that runs a job, with the replicas on it; the job is retried elsewhere."""
    from cluster.cli import chaos
    from cluster.jobs.sql_store import SqlStore

    job = chaos.submit(session, _JOB_KIND, ("--threads", "1"))
    act = _dies(session, cluster, line, "node dies", _node_of_job(session, cluster))
    if job is None:
        return act
    chaos.wait_for_jobs(session, [job], timeout_s=_JOB_WITHIN_S)
    ended = SqlStore.of(session.settings).job(job)
    words = f"its job {ended.state.value} in attempt {ended.attempt}"
    return replace(act, found=f"{act.found}; {words}")


def _node_of_controller_dies(session: Session, cluster: Fleet, line: TimeLine) -> Act | None:
    """Kill the node on which the controller is; None where that is the head, with which the cluster would die."""
    from cluster.ray_io.controller import ACTOR
    from cluster.ray_io.nodes import actor_node, living_nodes

    def place() -> str:
        names = {n.id: n.name for n in living_nodes(session.dashboard_url)}
        return names.get(actor_node(session.dashboard_url, ACTOR), "")

    before = place()
    if before not in cluster.names:
        return None
    act = _dies(session, cluster, line, "controller's node dies", before)
    deadline = time.monotonic() + _WHOLE_WITHIN_S
    while (after := place()) in {"", before} and time.monotonic() < deadline:
        time.sleep(0.5)
    return replace(act, found=f"{act.found}; controller now on {after or 'no node'}")


def _dies(session: Session, cluster: Fleet, line: TimeLine, what: str, victim: str) -> Act:
    """Kill a node, and watch until everything runs elsewhere."""

    def kill() -> str:
        scene = line.look(what)
        held: list[str] = []
        if scene is not None:
            gone = {n.id for n in scene.nodes if n.name == victim}
            held = sorted(r.deployment for r in scene.replicas if r.node in gone)
        count = cluster.kill(victim)
        return f"{victim}: {count} processes, with {', '.join(held) or 'no replica'}"

    def whole(scene: "Scene") -> bool:
        return victim not in {n.name for n in scene.nodes} and is_whole(session, scene)

    return _act(what, line, kill, whole)


def _node_of_job(session: Session, cluster: Fleet) -> str:
    """Return the name of the node on which the bench's job runs, once it does; else of the last node."""
    import httpx

    from cluster.ray_io.nodes import living_nodes

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = httpx.get(f"{session.dashboard_url}/api/jobs/", timeout=10, trust_env=False).json()
        running = [j for j in found if j["status"] == "RUNNING" and j.get("driver_node_id")]
        names = {n.id: n.name for n in living_nodes(session.dashboard_url)}
        for job in running:
            name = names.get(job["driver_node_id"], "")
            if name in cluster.names:
                return name
        time.sleep(0.3)
    return cluster.names[-1]


def _node_comes(
    session: Session, cluster: Fleet, line: TimeLine, name: str, shape: "NodeShape"
) -> Act:
    def add() -> str:
        cluster.add(name, shape)
        return name

    return _act(
        "node comes",
        line,
        add,
        lambda scene: name in {n.name for n in scene.nodes} and is_whole(session, scene),
    )


def _rolls(session: Session, line: TimeLine) -> Act:
    """Declare the application with a new release; Serve replaces its replicas one after the other."""
    from cluster.ray_io import nodes, serve

    before = {r.id for r in nodes.look(session.dashboard_url).replicas}

    def declare() -> str:
        goal = serve.declaration(session.settings, session.config_path)
        goal["applications"][0]["runtime_env"] = {"env_vars": {_RELEASE: "2"}}
        serve.deploy(session.dashboard_url, goal)
        return f"{len(before)} replicas to replace"

    return _act(
        "release rolls",
        line,
        declare,
        lambda scene: not before & {r.id for r in scene.replicas} and is_whole(session, scene),
    )


def _outcome(
    line: TimeLine, acts: list[Act], placed: list[tuple[str, ...]]
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    failed = [a for a in line.crowd.asked if a.failed]
    again = [a for a in line.crowd.asked if a.again]
    rows = [(a.what, a.seconds, a.requests, a.failed, a.again, round(a.slowest_s, 2)) for a in acts]
    found = {
        "requests": len(line.crowd.asked),
        "failed": len(failed),
        "asked_again": len(again),
        "holds": not failed and all(a.seconds is not None for a in acts),
        "placement": placed,
        "acts": [{name: getattr(a, name) for name in a.__slots__} for a in acts],
        "failures": [_told(a) for a in failed[:20]],
        "first_attempts": [_told(a) for a in again[:20]],
        "moments": line.document(),
    }
    return found, (
        table("bench nodes: where replicas ran at first", ("node", "replicas", "proxy"), placed),
        table(
            f"{len(line.crowd.asked)} requests, {len(failed)} failed, {len(again)} asked a second time",
            ("what", "whole after s", "requests", "failed", "again", "slowest s"),
            rows,
        ),
        table("", ("what", "found"), [(a.what, a.found) for a in acts]),
        table("asked a second time", ("request",), [(_told(a),) for a in again[:20]]),
    )


def _told(asked: Asked) -> str:
    sample = asked.sample
    first = f"first {asked.first}, then " if asked.again else ""
    return f"{asked.at_s:.1f} s at {asked.door}: {first}{sample.status} {sample.problem}".strip()
