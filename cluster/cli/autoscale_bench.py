"""`naviyam bench autoscale`: load rises and falls over a cluster whose nodes with GPUs come and go; every request is counted."""

from typing import TYPE_CHECKING, Any

from cluster.cli.crowd import chatting_crowd, count
from cluster.cli.local_clusters import deploy, fake_cluster
from cluster.cli.session import Session, table
from cluster.cli.timeline import COLUMNS, DoorsFollowed, TimeLine, deployments_of

if TYPE_CHECKING:
    from cluster.ray_io.nodes import Scene

HEAD_CPUS = 8.0
NODE_CPUS = 2.0
_NODES_GONE_WITHIN_S = 150.0
_SETTLED_S = 10.0


def run(
    session: Session,
    *,
    seconds: float,
    calm_clients: int,
    clients: int,
    max_nodes: int,
    idle_timeout_s: float,
    seed: int,
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Start, load, unload and stop; return the outcome and its tables."""
    from cluster.cli.bootstrap import run_steps
    from cluster.cli.near import point_of
    from cluster.ray_io.local_nodes import NodeShape

    run_steps(session, shops=None, workbook=None)
    point = point_of(session, None)
    cluster = fake_cluster(
        session,
        head=NodeShape(cpus=HEAD_CPUS),
        workers={"gpu": NodeShape(cpus=NODE_CPUS, gpus=1)},
        max_workers=max_nodes,
        idle_timeout_s=idle_timeout_s,
    )
    with cluster as head:
        deploy(session, head)
        crowd = chatting_crowd(session.base_url, point, seed=seed)
        line = TimeLine(session, crowd, deployments_of(session))
        with crowd, DoorsFollowed(crowd, head.mark, session.base_url):
            settled = line.look("start")
            least = dict(settled.kinds()) if settled else {}
            crowd.clients = calm_clients
            line.watch("calm", seconds=_SETTLED_S)
            crowd.clients = clients
            line.watch("rush", seconds=seconds)
            crowd.clients = calm_clients

            def back(scene: "Scene") -> bool:
                return scene.kinds().get("gpu", 0) <= least.get("gpu", 0)

            returned = line.watch("calm again", seconds=_NODES_GONE_WITHIN_S, until=back)
            line.watch("after", seconds=_SETTLED_S)
    return _outcome(session, line, returned=returned, least=least.get("gpu", 0))


def _outcome(
    session: Session, line: TimeLine, *, returned: bool, least: int
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    whole = count(line.crowd.asked, since_s=0.0, until_s=float("inf"))
    most = max((m.nodes.get("gpu", 0) for m in line.moments), default=0)
    peaks = {
        n: max((m.replicas.get(n, 0) for m in line.moments), default=0) for n in line.deployments
    }
    failed = [a for a in line.crowd.asked if a.failed]
    found = {
        "requests": whole.requests,
        "failed": whole.failed,
        "refused": whole.refused,
        "asked_again": whole.again,
        "least_nodes": least,
        "most_nodes": most,
        "nodes_left": returned,
        "most_replicas": peaks,
        "holds": not whole.failed and most > least and returned,
        "problems": [
            f"{a.at_s:.1f} s {a.door}: {a.sample.status} {a.sample.problem}" for a in failed[:10]
        ],
        "first_attempts": [f"{a.at_s:.1f} s: {a.first}" for a in line.crowd.asked if a.again][:10],
        "moments": line.document(),
    }
    return found, (
        table(
            f"bench autoscale, where something changed; replicas of {', '.join(line.deployments)}",
            COLUMNS,
            line.rows(),
        ),
        table(
            "outcome",
            ("what", "found"),
            [(k, str(v)) for k, v in found.items() if k != "moments"],
        ),
    )
