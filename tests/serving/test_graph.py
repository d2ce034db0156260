import shutil

import httpx
import pytest
import yaml

from naviyam.feedback.reader import read_events

pytestmark = pytest.mark.ray
PORT = 18_231


@pytest.fixture(scope="module")
def ray_session():
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    yield serve
    serve.shutdown()
    ray.shutdown()


@pytest.mark.parametrize("light_stages", ["in_process", "deployments"])
def test_the_application_answers(ray_session, state, tmp_path, light_stages):
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
            "ingress": {"num_cpus": 0.1},
            "retriever": {"num_cpus": 0.1},
            "ranker": {"num_cpus": 0.1},
        },
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
        assert records == [accepted.json()["feedback_id"]]
        with client.stream(
            "POST", "/chat", json=body, headers={"Accept": "text/event-stream"}
        ) as stream:
            names = [line for line in stream.iter_lines() if line.startswith("event: ")]
        assert names[:2] == ["event: understanding", "event: recommendations"]
        assert names[-1] == "event: done"
        assert client.post("/chat", json={"user_id": "k"}).status_code == 422
