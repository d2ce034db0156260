"""The time line of `naviyam bench autoscale` and `bench nodes`: requests, nodes and replicas, looked at as they change."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.cli.crowd import Crowd, count
from cluster.cli.session import Session
from naviyam.errors import NaviyamError

if TYPE_CHECKING:
    from cluster.ray_io.nodes import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the time line: the requests since the line before, and how the cluster stood at its end."""

    at_s: float
    phase: str
    clients: int
    rps: float
    p95_s: float
    failed: int
    again: int
    nodes: Mapping[str, int]
    replicas: Mapping[str, int]
    waiting: int
    """Replicas that are starting or have no node yet."""

    leaving: int
    """Replicas that finish what they have begun."""

    def row(self, deployments: tuple[str, ...]) -> list[object]:
        """Return its cells."""
        return [
            round(self.at_s),
            self.phase,
            self.clients,
            self.rps,
            round(self.p95_s * 1000),
            self.failed,
            self.again,
            self.nodes.get("gpu", 0) + self.nodes.get("cpu", 0),
            " ".join(str(self.replicas.get(name, 0)) for name in deployments),
            self.waiting,
            self.leaving,
        ]


COLUMNS = (
    *("s", "phase", "clients", "req/s", "p95 ms", "failed", "again"),
    *("nodes", "replicas", "coming", "going"),
)
"""`nodes` besides the head; `replicas` of each deployment, in the order that the table's title says."""


@dataclass(slots=True)
class TimeLine:
    """Looks at the cluster and at the crowd, and tells."""

    session: Session
    crowd: Crowd
    deployments: tuple[str, ...]
    moments: list[Moment] = field(default_factory=list)

    def look(self, phase: str) -> "Scene | None":
        """Add a line; return the scene, None where the dashboard did not answer."""
        from cluster.ray_io import nodes

        try:
            scene = nodes.look(self.session.dashboard_url)
        except NaviyamError as e:
            self.session.say(str(e))
            return None
        since_s = self.moments[-1].at_s if self.moments else 0.0
        now_s = self.crowd.now_s
        figures = count(self.crowd.asked, since_s=since_s, until_s=now_s)
        states = [replica.state for replica in scene.replicas]
        moment = Moment(
            at_s=now_s,
            phase=phase,
            clients=self.crowd.clients,
            rps=figures.rps,
            p95_s=figures.p95_s,
            failed=figures.failed,
            again=figures.again,
            nodes=scene.kinds(),
            replicas={name: scene.count(name) for name in self.deployments},
            waiting=sum(s in {"STARTING", "RECOVERING", "UPDATING"} for s in states),
            leaving=sum(s in {"STOPPING", "PENDING_MIGRATION"} for s in states),
        )
        self.moments.append(moment)
        self.session.say(
            f"[{moment.at_s:5.0f} s] {phase}: {moment.clients} clients, {moment.rps:g} req/s, "
            f"p95 {moment.p95_s * 1000:.0f} ms, {moment.failed} failed, nodes {dict(moment.nodes)}, "
            f"replicas {dict(moment.replicas)}, {moment.waiting} waiting, {moment.leaving} leaving"
        )
        return scene

    def watch(
        self,
        phase: str,
        *,
        seconds: float,
        until: "Callable[[Scene], bool]" = lambda scene: False,
        every_s: float = 2.0,
    ) -> bool:
        """Add lines for so long, or until something holds; return whether it did."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(every_s)
            scene = self.look(phase)
            if scene is not None and until(scene):
                return True
        return False

    def document(self) -> list[dict[str, Any]]:
        """Return the lines as plain JSON."""
        names = (
            "at_s",
            "phase",
            "clients",
            "rps",
            "p95_s",
            "failed",
            "again",
            "waiting",
            "leaving",
        )
        return [
            {
                **{name: getattr(moment, name) for name in names},
                "nodes": dict(moment.nodes),
                "replicas": dict(moment.replicas),
            }
            for moment in self.moments
        ]

    def rows(self) -> list[list[object]]:
        """Return the lines at which something changed, and the first of each phase."""
        kept: list[Moment] = []
        for moment in self.moments:
            last = kept[-1] if kept else None
            if last is None or _shape(last) != _shape(moment) or moment.failed or moment.again:
                kept.append(moment)
        return [moment.row(self.deployments) for moment in kept]


def _shape(moment: Moment) -> tuple[object, ...]:
    return (moment.phase, dict(moment.nodes), dict(moment.replicas), moment.waiting, moment.leaving)


def deployments_of(session: Session) -> tuple[str, ...]:
    """Return the names of the application's deployments."""
    serving = session.settings.serving
    light = ("Retriever", "Ranker") if serving.light_stages == "deployments" else ()
    return ("Ingress", *light, *(("LLM",) if session.settings.llm.enabled else ()))


class DoorsFollowed:
    """Offers the crowd the balancers of all nodes that live, as long as the block lasts."""

    def __init__(self, crowd: Crowd, mark: str, head_url: str) -> None:
        self._crowd, self._mark, self._head_url = crowd, mark, head_url
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        from cluster.ray_io.local_nodes import proxies_here

        while not self._stopped.wait(1.0):
            self._crowd.doors.offer([self._head_url, *proxies_here(self._mark)])
