"""How a Serve replica begins to log and to trace. Its lines go into the replica's own file among Serve's, at once.

Serve keeps up to 1,000 lines in memory before it writes them; lines of this project bypass that.
"""

import logging
from logging.handlers import MemoryHandler
from typing import Any

from ray import serve

from cluster.telemetry import logs
from cluster.telemetry.open import open_tracer
from cluster.telemetry.tracer import Role, Tracer
from naviyam.settings import Settings, Telemetry

_SERVE = "ray.serve"


def begin(settings: Settings, role: Role) -> Tracer:
    """Set up the logs of this replica and return its tracer."""
    context = serve.get_replica_context()
    name = context.deployment
    fixed = {"deployment": name, "replica": context.replica_id.unique_id}
    logs.set_up(settings.telemetry, handlers=_files(), fixed=fixed)
    return open_tracer(settings.telemetry, part=name, role=role)


def logging_config(telemetry: Telemetry) -> dict[str, Any]:
    """Return Serve's logging options of a deployment: the form, and no access line of its own beside ours."""
    return {"encoding": telemetry.logs.upper(), "enable_access_log": False}


def _files() -> list[logging.Handler]:
    """Return the handlers behind Serve's buffers: this replica's files."""
    held = logging.getLogger(_SERVE).handlers
    return [h.target for h in held if isinstance(h, MemoryHandler) and h.target is not None]
