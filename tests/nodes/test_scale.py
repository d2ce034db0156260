"""Settings of a deployment become Serve's options, and wrong ones are refused by name."""

from pathlib import Path

import pytest
from ray.serve.config import AutoscalingConfig

from cluster.ray_io.environment import node_environment, ray_environment
from cluster.ray_io.fake_nodes import autoscaling_config
from cluster.ray_io.local_nodes import NodeShape
from deployments.config import deployment_options
from deployments.llm import build_llm
from naviyam.errors import ConfigError
from naviyam.settings import Autoscale, Settings


def test_every_setting_reaches_serve():
    scale = Autoscale(
        min_replicas=2,
        initial_replicas=3,
        max_replicas=4,
        target_ongoing_requests=0.5,
        upscale_delay_s=1,
        downscale_delay_s=2,
        look_back_s=15,
        num_cpus=0.2,
        num_gpus=0.25,
        resources={"fast": 1},
        max_replicas_per_node=1,
        health_check_period_s=3,
        health_check_timeout_s=4,
        graceful_shutdown_timeout_s=31,
        graceful_shutdown_wait_loop_s=0.5,
    )
    options = deployment_options(scale)
    assert AutoscalingConfig(**options["autoscaling_config"]).look_back_period_s == 15
    assert options["autoscaling_config"]["initial_replicas"] == 3
    assert options["ray_actor_options"] == {
        "num_cpus": 0.2,
        "num_gpus": 0.25,
        "resources": {"fast": 1},
    }
    assert options["max_replicas_per_node"] == 1
    assert options["health_check_period_s"] == 3
    assert options["graceful_shutdown_timeout_s"] == 31
    assert "max_replicas_per_node" not in deployment_options(Autoscale())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"serving": {"ranker": {"min_replicas": 3, "max_replicas": 2}}}, "raise max_replicas"),
        ({"serving": {"ranker": {"initial_replicas": 2}}}, "initial_replicas 2"),
        ({"serving": {"ranker": {"target_ongoing_requests": 200}}}, "never be reached"),
        ({"serving": {"ranker": {"min_replicas": 0}}}, "min_replicas"),
        ({"serving": {"ingress": {"graceful_shutdown_timeout_s": 5}}}, "request_timeout_s"),
        ({"serving": {"llm": {"graceful_shutdown_timeout_s": 5}}}, "total_timeout_s"),
    ],
)
def test_what_cannot_hold_is_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        Settings.parse(values)


@pytest.mark.parametrize(
    ("llm", "scale", "reserved"),
    [(0, 0, 0), (1, 0, 1), (0, 0.5, 0.5), (1, 0.5, 0.5)],
)
def test_the_engine_reserves_its_gpu(llm, scale, reserved):
    settings = Settings.parse({"llm": {"num_gpus": llm}, "serving": {"llm": {"num_gpus": scale}}})
    deployment = build_llm(settings)._bound_deployment
    assert deployment.ray_actor_options["num_gpus"] == reserved
    # Other keys of the section leave its short queue and its quick health check alone.
    assert settings.serving.llm.max_queued_requests == 32
    assert settings.serving.llm.health_check_period_s == 5


def test_nodes_of_any_cluster_see_how_to_drain_and_scale():
    settings = Settings.parse({"cluster": {"drain_s": 12, "pack": True, "retry_cut_off": True}})
    found = node_environment(settings)
    assert found["RAY_SERVE_USE_PACK_SCHEDULING_STRATEGY"] == "1"
    assert found["RAY_SERVE_HAPROXY_RETRY_ON"] == "conn-failure empty-response"
    assert "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S" not in found
    short = node_environment(Settings.parse({"cluster": {"proxy_drain_s": 5}}))
    assert short["RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S"] == "5"
    assert "RAY_SERVE_HAPROXY_RETRY_ON" not in short
    assert found["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] == "12"
    assert found["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert not any("PORT" in name or "PATH" in name for name in found)
    assert found.items() <= ray_environment(settings).items()


def test_fake_nodes_offer_what_is_asked():
    found = autoscaling_config(
        "127.0.0.1:1",
        head=NodeShape(cpus=8),
        workers={"gpu": NodeShape(cpus=2, gpus=1, resources={"fast": 1})},
        max_workers=3,
        idle_timeout_s=30,
        logs=Path("/tmp"),
    )
    gpu = found["available_node_types"]["gpu"]
    assert gpu["resources"] == {"CPU": 2, "GPU": 1, "fast": 1}
    assert (gpu["min_workers"], gpu["max_workers"]) == (0, 3)
    assert found["available_node_types"][found["head_node_type"]]["resources"] == {"CPU": 8}
    assert found["idle_timeout_minutes"] == 0.5
