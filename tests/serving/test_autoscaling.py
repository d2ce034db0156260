"""Ray's autoscaler over fake nodes: load brings a node with a GPU and a replica on it, calm takes both away, no request fails."""

import shutil
import time
from pathlib import Path

import pytest

from cluster.cli import local_clusters
from cluster.cli.crowd import Crowd, Doors
from cluster.cli.load import ask_chat
from cluster.cli.session import Session
from cluster.cli.timeline import DoorsFollowed
from cluster.ray_io import nodes
from cluster.ray_io.environment import free_port
from cluster.ray_io.local_nodes import NodeShape

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CONFIG = """
paths: {{state: {state}}}
llm: {{enabled: false}}
access: {{limited: false}}
cluster: {{proxy_drain_s: 1}}
serving:
  port: {port}
  dashboard_port: {dashboard}
  light_stages: deployments
  ingress: {{num_cpus: 0.1}}
  retriever: {{num_cpus: 0.1, num_gpus: 0.5}}
  ranker:
    num_cpus: 0.1
    num_gpus: 0.5
    max_replicas: 2
    target_ongoing_requests: 0.2
    upscale_delay_s: 1
    downscale_delay_s: 3
    look_back_s: 3
"""


def test_nodes_and_replicas_come_and_go_with_the_load(state, tmp_path, monkeypatch):
    own = tmp_path / "state"
    shutil.copytree(state, own)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(state=own, dashboard=free_port(), port=free_port()))
    session = Session(config=config)

    def until(gpus, rankers, seconds=120):
        deadline = time.monotonic() + seconds
        while True:
            scene = nodes.look(session.dashboard_url)
            seen = scene.kinds().get("gpu", 0), scene.count("Ranker")
            if seen == (gpus, rankers):
                return
            assert time.monotonic() < deadline, seen
            time.sleep(0.5)

    cluster = local_clusters.fake_cluster(
        session,
        head=NodeShape(cpus=2),
        workers={"gpu": NodeShape(cpus=1, gpus=1)},
        max_workers=2,
        idle_timeout_s=5,
    )
    crowd = Crowd(
        Doors(offered=(session.base_url,)),
        ask_chat,
        context={"district": "관악구"},
        think_s=0.02,
        seed=1,
    )
    with cluster as head:
        while not (first := nodes.living_nodes(session.dashboard_url)):
            time.sleep(0.2)
        assert [n.kind for n in first] == ["head"]
        local_clusters.deploy(session, head)
        until(gpus=1, rankers=1)
        with crowd, DoorsFollowed(crowd, head.mark, session.base_url):
            crowd.clients = 6
            until(gpus=2, rankers=2)
            crowd.clients, crowd.think_s = 1, 2.0
            until(gpus=1, rankers=1)
    assert len(crowd.asked) > 50
    assert not [a for a in crowd.asked if a.failed]
