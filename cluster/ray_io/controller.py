"""The controller's Ray shell: one named, detached actor that ticks the parts from its `__init__` on.

A restarted actor runs its `__init__` and nothing else, so the loop begins there. All of its state is in the store; all
commands are writes to it. `python -m cluster.ray_io.controller --config FILE` starts it on the running head.
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import ray
from ray.util import metrics

from cluster.jobs.sql_store import SqlStore
from cluster.parts import Parts
from cluster.placement import controller_place
from cluster.ray_io.head import HeadError, find_head
from cluster.ray_io.meter import RayMeter
from cluster.ray_io.parts import Surroundings, make_parts
from cluster.telemetry import logs
from cluster.telemetry.catalogue import CONTROL
from cluster.telemetry.control import Shown
from cluster.telemetry.part import beat_to
from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings

ACTOR: Final = "naviyam-controller"
NAMESPACE: Final = "naviyam"
DOCUMENT: Final = "controller"
"""Where the state of the last round is kept for `naviyam status`."""

_logger = logging.getLogger(__name__)
_AGAIN_S = 1.0
_BEAT_EVERY_S = 2.0


class Controller:
    """Ticks the parts in a thread.

    Args:
        config: settings file, "" for the built-in defaults.
        root: folder in which programs run and relative paths are meant.
        dashboard_url: of the cluster; "" is this machine's by the settings.
    """

    def __init__(self, config: str, root: str, dashboard_url: str = "") -> None:
        os.chdir(root)
        path = Path(config) if config else None
        self._settings = Settings.load(path)
        logs.set_up(self._settings.telemetry, fixed={"deployment": ACTOR})
        self._shown = Shown(RayMeter(CONTROL, metrics))
        self._clock = SystemClock()
        self._stop = threading.Event()
        self._parts: Parts | None = None
        self._trouble = ""
        self._config, self._root, self._dashboard_url = path, Path(root), dashboard_url
        threading.Thread(target=self._loop, name="parts", daemon=True).start()

    def ping(self) -> int:
        """Return the id of the process."""
        return os.getpid()

    def snapshot(self) -> dict[str, Any]:
        """Return who acts and how each part does."""
        state = self._parts.state() if self._parts else {"acts": False, "parts": {}}
        return {**state, "pid": os.getpid(), "trouble": self._trouble or state.get("trouble", "")}

    def _loop(self) -> None:
        while not self._stop.wait(_AGAIN_S):
            try:
                self._parts = self._make()
            except Exception as e:  # the database may be away; the actor must outlive it
                _logger.exception("the parts cannot be made")
                self._trouble = f"{type(e).__name__}: {e}"
            else:
                self._trouble = ""
                self._parts.run(self._stop)

    def _make(self) -> Parts:
        store = SqlStore.of(self._settings)
        around = Surroundings(
            settings=self._settings,
            config=self._config,
            root=self._root,
            store=store,
            clock=self._clock,
            dashboard_url=self._dashboard_url or self._settings.dashboard_url,
            shown=self._shown,
        )
        beaten_s = float("-inf")
        show = beat_to(self._shown)

        def beat(state: dict[str, Any]) -> None:
            nonlocal beaten_s
            if time.monotonic() - beaten_s >= _BEAT_EVERY_S:
                beaten_s = time.monotonic()
                show(state)
                store.change(DOCUMENT, lambda _: {**state, "pid": os.getpid()})

        return Parts(
            parts=make_parts(around),
            leases=store,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            clock=self._clock,
            beat=beat,
        )


def start(settings: Settings, config: Path | None, root: Path, *, address: str = "") -> int:
    """Start the actor on the running head, or find it; return its process id. Idempotent.

    It is restarted where it may run (`cluster.placement`): with SQLite on the head only.

    Args:
        settings: of the installation.
        config: settings file that it and its programs read.
        root: folder in which programs run.
        address: of another cluster's GCS, or `auto`; "" is `cluster.address`, else the head of `naviyam up`.

    Raises:
        HeadError: no head runs here, or the actor does not answer.
    """
    address = address or settings.cluster.address
    head = None if address else find_head(settings)
    if head is None and not address:
        raise HeadError("no Ray runs from this state folder; start it with `naviyam up`")
    joined = ray.init(
        address=head.gcs if head else address, namespace=NAMESPACE, log_to_driver=False
    )
    seen = f"http://{joined.dashboard_url}" if address else ""
    dashboard_url = settings.cluster.dashboard_url or seen
    # Pickled by the module's name, so that a restart imports what is installed then.
    from cluster.ray_io.controller import Controller as Named  # noqa: PLC0415

    actor = (
        ray.remote(Named)
        .options(
            name=ACTOR,
            namespace=NAMESPACE,
            lifetime="detached",
            max_restarts=-1,
            max_task_retries=3,
            get_if_exists=True,
            num_cpus=0,
            resources=dict(controller_place(settings)),
            max_concurrency=4,
        )
        .remote(str(config.resolve()) if config else "", str(root), dashboard_url)
    )
    pid: int = ray.get(actor.ping.remote(), timeout=60)
    ray.shutdown()
    return pid


def stop(settings: Settings) -> bool:
    """End the actor on the cluster of `cluster.address`; return whether there was one. Idempotent."""
    ray.init(address=settings.cluster.address, namespace=NAMESPACE, log_to_driver=False)
    try:
        actor = ray.get_actor(ACTOR, namespace=NAMESPACE)
    except ValueError:
        return False
    else:
        ray.kill(actor, no_restart=True)
        return True
    finally:
        ray.shutdown()


def main() -> int:
    """Parse the command line and start it."""
    parser = argparse.ArgumentParser(
        prog="python -m cluster.ray_io.controller", description=__doc__
    )
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--address", default="", help="GCS of a cluster, or auto; default: `up`'s")
    parser.add_argument("--stop", action="store_true", help="end it on cluster.address instead")
    arguments = parser.parse_args()
    try:
        settings = Settings.load(arguments.config)
        if arguments.stop:
            sys.stdout.write(json.dumps({"controller": ACTOR, "stopped": stop(settings)}) + "\n")
            return 0
        pid = start(settings, arguments.config, Path.cwd(), address=arguments.address)
    except (NaviyamError, ray.exceptions.RayError) as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    sys.stdout.write(json.dumps({"controller": ACTOR, "pid": pid}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
