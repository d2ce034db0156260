"""Keeps a controller on a cluster: looks for its sign of life in the database, and begins it as a Ray job where there is none.

The actor outlives the job. Two of them do no harm: only the holder of the lease in the database acts.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

SILENT_S = 30.0
"""Without a sign of life for so long, the controller counts as gone."""

MODULE = "cluster.ray_io.controller"


def is_alive(beat: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a controller left a sign of life lately; `beat` is the store's document, empty where it never did."""
    if "at" not in beat:
        return False
    return now - datetime.fromisoformat(str(beat["at"])) < timedelta(seconds=SILENT_S)


def entrypoint(config: PurePosixPath, root: PurePosixPath) -> str:
    """Return the command that starts the actor from within the cluster, found there or not."""
    return f"cd {root} && exec python -m {MODULE} --config {config} --address auto"
