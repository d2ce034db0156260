import importlib.util
import os
import socket
import sys
from pathlib import Path

import pytest

from naviyam.settings import Settings


@pytest.fixture(scope="session")
def small():
    """The makers of small things in `small.py`."""
    spec = importlib.util.spec_from_file_location(
        "small_training", Path(__file__).with_name("small.py")
    )
    module = sys.modules["small_training"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def on_ray(tmp_path_factory):
    """Settings of a head of this session's own, with a dashboard for jobs; this process is connected to it."""
    import ray  # noqa: PLC0415

    from cluster.ray_io.head import start_head, stop_head  # noqa: PLC0415
    from training.on_ray import connect  # noqa: PLC0415

    dashboard = socket.socket()
    dashboard.bind(("127.0.0.1", 0))
    port = dashboard.getsockname()[1]
    dashboard.close()
    state = tmp_path_factory.mktemp("state")
    settings = Settings.parse({
        "paths": {"state": str(state)},
        "serving": {"port": 0, "dashboard_port": port},
    })  # fmt: skip
    head = start_head(settings, os.environ, timeout_s=180)
    try:
        connect(head, log_to_driver=False)
        yield settings
    finally:
        ray.shutdown()
        stop_head(settings, head)
