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


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Settings of a head of this module's own, with a dashboard for jobs; no process here is connected to it."""
    from cluster.ray_io.head import start_head, stop_head  # noqa: PLC0415

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
    yield settings
    stop_head(settings, head)


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory):
    """Settings beside a Ray session of this module's own, that nothing else can find: own folders, any free ports."""
    import ray  # noqa: PLC0415

    ray.init(address="local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield Settings.parse({"paths": {"state": str(tmp_path_factory.mktemp("state"))}})
    ray.shutdown()
