"""Arguments of the application builder, and how settings become Serve options. No workload code."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from naviyam.settings import Autoscale, Settings


class AppArgs(BaseModel):
    """What `serve run deployments.app:build_app KEY=VALUE` and a Serve config file may pass."""

    model_config = ConfigDict(extra="forbid")

    config: Path = Path("configs/local.yaml")
    """Settings file; `NAVIYAM__SECTION__KEY` in the builder's environment overrides it."""


def load_settings(args: AppArgs) -> Settings:
    """Return the settings with absolute folders: a replica's working directory is not the builder's.

    Raises:
        ConfigError: the file is missing or wrong; the message names the key.
    """
    settings = Settings.load(args.config)
    paths = settings.paths
    absolute = paths.model_copy(
        update={name: getattr(paths, name).absolute() for name in type(paths).model_fields}
    )
    return settings.model_copy(update={"paths": absolute})


def deployment_options(scale: Autoscale, *, num_gpus: float = 0.0) -> dict[str, Any]:
    """Return Serve's options of one deployment: replicas, queues, place, health, shutdown.

    Args:
        scale: of the deployment.
        num_gpus: what a replica reserves where `scale` says nothing.
    """
    actor = {"num_cpus": scale.num_cpus, "num_gpus": scale.num_gpus or num_gpus}
    return {
        "autoscaling_config": {
            "min_replicas": scale.min_replicas,
            "initial_replicas": scale.initial_replicas,
            "max_replicas": scale.max_replicas,
            "target_ongoing_requests": scale.target_ongoing_requests,
            "upscale_delay_s": scale.upscale_delay_s,
            "downscale_delay_s": scale.downscale_delay_s,
            "look_back_period_s": scale.look_back_s,
        },
        "max_ongoing_requests": scale.max_ongoing_requests,
        "max_queued_requests": scale.max_queued_requests,
        "health_check_period_s": scale.health_check_period_s,
        "health_check_timeout_s": scale.health_check_timeout_s,
        "graceful_shutdown_timeout_s": scale.graceful_shutdown_timeout_s,
        "graceful_shutdown_wait_loop_s": scale.graceful_shutdown_wait_loop_s,
        **({"max_replicas_per_node": n} if (n := scale.max_replicas_per_node) else {}),
        "ray_actor_options": {
            **actor,
            **({"resources": dict(scale.resources)} if scale.resources else {}),
            **({"label_selector": dict(scale.node_labels)} if scale.node_labels else {}),
        },
    }
