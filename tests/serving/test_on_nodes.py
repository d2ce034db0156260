"""The real application on a head and two nodes of this machine: one dies with an ingress, the controller and a job on it."""

import shutil
import time
from pathlib import Path

import pytest

from cluster.cli import local_clusters
from cluster.cli.crowd import Crowd, Doors
from cluster.cli.join import deploy_onto, leave
from cluster.cli.load import ask_chat
from cluster.cli.session import Session
from cluster.cli.timeline import DoorsFollowed
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.types import JobSpec
from cluster.ray_io import head as heads
from cluster.ray_io import nodes, serve
from cluster.ray_io.controller import ACTOR
from cluster.ray_io.environment import free_port
from cluster.ray_io.local_nodes import NodeShape
from naviyam.clock import SystemClock

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PROGRAM = """
import json, sys, time
from pathlib import Path

with Path(sys.argv[1]).open("a") as file:
    file.write("begin\\n")
while not Path(sys.argv[2]).exists():
    time.sleep(0.05)
print(json.dumps({"done": True}))
"""
CONFIG = """
paths: {{state: {state}}}
llm: {{enabled: false}}
schedule: {{enabled: false}}
access: {{limited: false}}
rollout: {{automatic: false}}
jobs:
  database: {database}
  tick_s: 0.3
  backoff_s: 0.5
  gate: {{cpu: 1.0, memory: 1.0}}
  places: {{probe: {{resources: {{control: 0.1}}}}}}
cluster:
  dashboard_url: http://127.0.0.1:{dashboard}
  service_url: http://127.0.0.1:{port}
  controller_resources: {{control: 0.1}}
serving:
  port: {port}
  dashboard_port: {dashboard}
  ingress:
    min_replicas: 2
    max_replicas: 2
    max_replicas_per_node: 1
    num_cpus: 0.1
    resources: {{web: 0.1}}
    health_check_period_s: 2
    health_check_timeout_s: 10
"""
BOTH = NodeShape(cpus=2, resources={"web": 1, "control": 1})


def until(what, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def join_session(folder, config, gcs):
    """The same installation as one that joins a cluster which runs."""
    joined = folder / "joined.yaml"
    text = config.read_text()
    joined.write_text(text.replace("cluster:\n", f"cluster:\n  address: {gcs}\n", 1))
    return Session(config=joined)


def test_a_node_dies_and_the_service_goes_on(state, tmp_path, postgres, monkeypatch):
    own = tmp_path / "state"
    shutil.copytree(state, own)
    (tmp_path / "naviyam_probe.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    config = tmp_path / "c.yaml"
    config.write_text(
        CONFIG.format(state=own, database=postgres, dashboard=free_port(), port=free_port())
    )
    session = Session(config=config)
    store = SqlStore.of(session.settings)
    marks, go = tmp_path / "marks", tmp_path / "go"
    spec = JobSpec(kind="probe", module="naviyam_probe", arguments=(str(marks), str(go)), who="t")

    def begun():
        return marks.read_text().count("begin") if marks.exists() else 0

    def place(name):
        return {n.id: n.name for n in nodes.living_nodes(session.dashboard_url)}.get(name, "")

    def ingress_on():
        spread = nodes.look(session.dashboard_url).spread("Ingress")
        return {place(node): count for node, count in spread.items()}

    with local_clusters.fleet(session, cpus=2) as cluster:
        cluster.add("n1", BOTH)
        cluster.add("n2", NodeShape(cpus=2, resources={"web": 1}))
        joined = join_session(tmp_path, config, cluster.head.gcs)
        assert deploy_onto(joined, wait=True, timeout_s=120) == ("RUNNING", True)
        until(lambda: ingress_on() == {"n1": 1, "n2": 1})
        assert place(nodes.actor_node(session.dashboard_url, ACTOR)) == "n1"
        job = store.submit(spec, now=SystemClock().now(), max_queued=50)
        until(lambda: begun() == 1)
        doors = Doors(offered=(session.base_url,))
        context = {"district": "관악구"}
        crowd = Crowd(doors, ask_chat, context=context, think_s=0.2, seed=1)
        with crowd, DoorsFollowed(crowd, cluster.head.mark, session.base_url):
            crowd.clients = 3
            until(lambda: len(crowd.asked) > 20)
            assert cluster.kill("n1") > 3
            cluster.add("n3", BOTH)
            until(lambda: ingress_on() == {"n2": 1, "n3": 1})
            until(lambda: begun() == 2)
            before = len(crowd.asked)
            until(lambda: len(crowd.asked) > before + 10)
            crowd.clients = 0
        assert place(nodes.actor_node(session.dashboard_url, ACTOR)) == "n3"
        go.touch()
        until(lambda: store.job(job.id).state == "succeeded")
        assert leave(joined)["stopped"]
        assert serve.look(session.dashboard_url).status in {"NOT_STARTED", "DELETING"}
        assert not nodes.actor_node(session.dashboard_url, ACTOR)
        assert heads.is_whole(cluster.head)
    assert store.job(job.id).attempt == 2
    assert not [a for a in crowd.asked if a.failed]
    assert not local_clusters.left_of(cluster)
