import json
import re
import shutil
import threading
import time
from pathlib import Path

import httpx
import pytest
import yaml

from cluster.ray_io import serve as rest
from cluster.ray_io.traffic import apply_traffic
from cluster.rollout.traffic import Split, Traffic
from cluster.telemetry.catalogue import ALL
from naviyam import versions
from naviyam.errors import ConflictError
from naviyam.feedback.reader import read_events
from naviyam.settings import Settings
from tests.telemetry.collector import Collector

pytestmark = pytest.mark.ray
PORT = 18_231
DASHBOARD_PORT = 9_232
"""Below the ports that Ray gives its workers."""


@pytest.fixture(scope="module")
def ray_session():
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        ray.init(
            num_cpus=2,
            include_dashboard=True,
            dashboard_port=DASHBOARD_PORT,
            log_to_driver=False,
            configure_logging=False,
            _system_config={"metrics_report_interval_ms": 500},
        )
        serve.start(http_options={"host": "127.0.0.1", "port": PORT})
        yield serve
        serve.shutdown()
        ray.shutdown()


@pytest.mark.parametrize("light_stages", ["in_process", "deployments"])
def test_the_application_answers(ray_session, state, tmp_path, light_stages, collector):
    from deployments.app import build_app  # noqa: PLC0415
    from deployments.config import AppArgs  # noqa: PLC0415

    own = tmp_path / "state"
    shutil.copytree(state, own)
    config = tmp_path / "config.yaml"
    values = {
        "paths": {"state": str(own)},
        "llm": {"enabled": False},
        "serving": {
            "light_stages": light_stages,
            "dashboard_port": DASHBOARD_PORT,
            "ingress": {"num_cpus": 0.1},
            "retriever": {"num_cpus": 0.1},
            "ranker": {"num_cpus": 0.1},
        },
        "admin": {"live_every_s": 0.5},
        "telemetry": {"logs": "json", "endpoint": collector.endpoint, "sample_ratio": 1.0},
    }
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    ray_session.run(build_app(AppArgs(config=config)), name="naviyam", route_prefix="/")
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz").json()
        assert (ready["status"], ready["index"], ready["ranker"]) == ("ready", "ok", "ok")
        body = {
            "user_id": "kid",
            "session_id": "s",
            "message": "김밥 먹고 싶어",
            "context": {"district": "관악구"},
        }
        answer = client.post("/chat", json=body).json()
        assert answer["recommendations"]
        assert answer["metadata"]["degraded_reason"] == "llm_disabled"
        assert answer["metadata"]["method"] == "hybrid+funnels+wide_deep"
        again = client.post("/chat", json={**body, "message": "첫 번째 거 갈래"}).json()
        first = answer["recommendations"][0]["shop_id"]
        assert [r["shop_id"] for r in again["recommendations"]] == [first]
        feedback = {
            "user_id": "kid",
            "shop_id": first,
            "feedback_type": "ordered",
            "idempotency_key": "k",
        }
        accepted = client.post("/feedback", json=feedback)
        assert accepted.status_code == 202
        records = [r["feedback_id"] for r in read_events(own / "events", "feedback")]
        assert records.count(accepted.json()["feedback_id"]) == 1
        with client.stream(
            "POST", "/chat", json=body, headers={"Accept": "text/event-stream"}
        ) as stream:
            names = [line for line in stream.iter_lines() if line.startswith("event: ")]
        assert names[:2] == ["event: understanding", "event: recommendations"]
        assert names[-1] == "event: done"
        assert client.post("/chat", json={"user_id": "k"}).status_code == 422
        body["message"] = "김민수인데 파란우산찜닭 먹고 싶어 010-1234-5678"
        traced = client.post("/chat", json=body, headers={"X-Request-Id": f"order-{light_stages}"})
        assert traced.headers.get_list("x-request-id") == [f"order-{light_stages}"]
    of_one_request(collector, f"order-{light_stages}", remote=light_stages == "deployments")
    metrics_are_exported()
    the_operations_page_is_told(own)


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


def log_lines():
    """Return the lines of this session's replicas as they are on disk."""
    import ray  # noqa: PLC0415

    session = Path(ray._private.worker._global_node.get_session_dir_path())
    files = (session / "logs" / "serve").glob("replica_naviyam_*.log")
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def of_one_request(collector, named, *, remote):
    """Follow a request through traces and logs: connected, and without a word of what was said."""

    def access_lines():
        lines = [json.loads(x) for x in log_lines() if x.startswith("{")]
        return [x for x in lines if x.get("request_id") == named and "status" in x]

    until(access_lines)  # written when the answer has left
    access = access_lines()
    assert [(x["route"], x["status"], x["deployment"]) for x in access] == [
        ("/chat", 200, "Ingress")
    ]
    root = collector.wait_for("POST /chat")
    trace = access[0]["trace_id"]
    wanted = {"POST /chat", "stage/write"}
    if remote:
        wanted |= {"part/retrieve", "Retriever.retrieve", "part/rank", "Ranker.rank"}
    # Each process sends its own, a few seconds apart.
    until(lambda: wanted <= {s.name for s in collector.of_trace(trace)})
    spans = {s.name: s for s in collector.of_trace(trace)}
    assert root.resource["naviyam.deployment"] == "Ingress"
    assert spans["stage/write"].parent == spans["POST /chat"].id
    if remote:
        assert spans["Retriever.retrieve"].parent == spans["part/retrieve"].id
        assert spans["Retriever.retrieve"].resource["naviyam.deployment"] == "Retriever"
        assert spans["Ranker.rank"].parent == spans["part/rank"].id
    everything = json.dumps(log_lines(), ensure_ascii=False) + str(collector.bodies)
    for word in ("김민수", "파란우산", "1234-5678"):
        assert word not in everything
        assert str(word.encode())[2:-1] not in everything


def scraped():
    """Return what this node exports, by name, each with its labels."""
    import ray  # noqa: PLC0415

    (node,) = ray.nodes()
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    text = httpx.get(address, timeout=10, trust_env=False).text
    found = {}
    for line in text.splitlines():
        if line.startswith("ray_"):
            name, _, rest = line.partition("{")
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', rest))
    return found


def metrics_are_exported():
    """Look at what a real scrape shows: ours are those of the catalogue, and Ray's those that rules and panels use."""
    until(lambda: "ray_naviyam_answers_total" in scraped())
    found = scraped()
    known = {name: set(i.labels) for i in ALL for name in i.exported}
    ours = {name: labels for name, labels in found.items() if name.startswith("ray_naviyam_")}
    assert set(ours) <= set(known)
    for name, labels in ours.items():
        assert known[name] | {"application", "deployment", "replica"} <= labels
    assert {"ray_naviyam_stage_seconds_bucket", "ray_naviyam_http_requests_total"} <= set(ours)
    # Set once: Ray forgets it, the meter does not.
    until(lambda: "ray_naviyam_traffic_revision" in scraped())
    assert {"ray_serve_deployment_replica_healthy", "ray_node_mem_used"} <= set(found)


def the_operations_page_is_told(state):
    """Read the live stream through Serve's proxy until it has all replicas' counts and Serve's own report."""
    key = (state / "secrets" / "admin.key").read_text().strip()
    headers = {"authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{PORT}/admin/live"
    with httpx.stream("GET", url, headers=headers, timeout=30, trust_env=False) as told:
        for line in told.iter_lines():
            found = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            parts = {name: p["value"] for name, p in found.get("parts", {}).items() if p["value"]}
            rows = {d["name"]: d for d in parts.get("deployments", {}).get("deployments", ())}
            if "figures" in parts and rows.get("Ingress", {}).get("running") is not None:
                break
    assert rows["Ingress"]["states"] == {"RUNNING": 1}
    assert rows["Ingress"]["target"] == 1
    assert parts["figures"]["pages"]["missing"] == []
    serving = {v["part"]: v["replicas"] for v in parts["figures"]["versions"]}
    assert serving["ranker"] >= 1  # a replica of the application before may still be exported


def weights(revision, weight):
    split = Split(
        layer="ranker", experiment="x", salt="s", weight=weight, stable="now", candidate="r2"
    )
    return Traffic(revision=revision, splits=(split,))


def until(so, seconds=30.0):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


class Callers:
    """Children who keep asking; `answers` are status and metadata in order."""

    def __init__(self, count=3):
        self.answers = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, i):
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30, trust_env=False) as http:
            while not self._stop.is_set():
                body = {
                    "user_id": f"kid-{i}-{len(self.answers) % 7}",
                    "message": "김밥 먹고 싶어",
                    "context": {"district": "관악구"},
                }
                try:
                    answer = http.post("/chat", json=body)
                    self.answers.append((answer.status_code, answer.json()["metadata"]))
                except (httpx.HTTPError, LookupError, ValueError) as e:
                    self.answers.append((repr(e), {}))


def test_new_weights_reach_the_replicas_and_no_request_fails(ray_session, state, tmp_path):
    own = tmp_path / "state"
    shutil.copytree(state, own)
    root = own / "models" / "ranker"
    shutil.copytree(versions.current(root), root / "r2")
    values = {
        "paths": {"state": str(own)},
        "llm": {"enabled": False},
        "access": {"limited": False},
        "serving": {
            "port": PORT,
            "dashboard_port": DASHBOARD_PORT,
            "light_stages": "deployments",
            "ingress": {"num_cpus": 0.1, "min_replicas": 2, "max_replicas": 2},
            "retriever": {"num_cpus": 0.1},
            "ranker": {"num_cpus": 0.1},
        },
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    settings, dashboard = Settings.load(config), f"http://127.0.0.1:{DASHBOARD_PORT}"
    rest.deploy(dashboard, rest.declaration(settings, config))
    rest.wait_running(dashboard, timeout_s=120, alive=lambda: True, report=lambda line: None)
    base = f"http://127.0.0.1:{PORT}"
    with Callers() as callers:
        for revision, weight in ((1, 0.5), (2, 1.0), (3, 0.0)):
            done = apply_traffic(
                settings, weights(revision, weight), dashboard_url=dashboard, base_url=base
            )
            assert (done.revision, done.replicas) == (revision, 2)
            until(lambda: not httpx.get(f"{base}/healthz", trust_env=False).json()["waiting"])
            begun = len(callers.answers) + 8
            until(lambda: len(callers.answers) > begun + 10)  # noqa: B023 asked at once
            arms = {m["variant"] for _, m in callers.answers[begun:]}
            assert (
                arms <= {0.5: {"stable", "candidate"}, 1.0: {"candidate"}, 0.0: {"stable"}}[weight]
            )
    assert {status for status, _ in callers.answers} == {200}
    assert not any(m["arm_errors"] for _, m in callers.answers)
    served = {(m["variant"], m["versions"]["ranker"] == "r2") for _, m in callers.answers}
    assert served == {("stable", False), ("candidate", True)}
    with pytest.raises(ConflictError, match="revision 3 was published"):
        apply_traffic(settings, weights(2, 1.0), dashboard_url=dashboard, base_url=base)
