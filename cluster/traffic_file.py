"""The traffic table that the replicas follow: one small file below the state, replaced as a whole.

Serve's own way, a changed `user_config`, takes each replica out of the balancer while it is told: with one replica, or on a
busy machine, requests then meet nobody (404). A file that is looked at costs no request anything.
"""

import json
from pathlib import Path

from cluster.rollout.traffic import Traffic
from naviyam.durable import replace_file
from naviyam.errors import ConflictError, InputError
from naviyam.settings import Settings


def traffic_path(settings: Settings) -> Path:
    """Return where the table lies."""
    return settings.paths.state / "traffic.json"


def published_traffic(settings: Settings) -> Traffic:
    """Return the table, the empty one where none was ever published.

    Raises:
        InputError: the file is no table.
        OSError: it cannot be read.
    """
    path = traffic_path(settings)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Traffic()
    except ValueError as e:
        raise InputError(f"{path} is no traffic table: {e}", field="traffic") from e
    if not isinstance(found, dict):
        raise InputError(f"{path} is no traffic table", field="traffic")
    return Traffic.parse(found)


def restore_traffic(settings: Settings, traffic: Traffic) -> None:
    """Write a table whatever was published before; only while no replica runs that could hold a newer one."""
    replace_file(traffic_path(settings), json.dumps(traffic.to_dict()).encode())


def publish_traffic(settings: Settings, traffic: Traffic) -> None:
    """Let the replicas take over a table; they look within half a second. Durable when it returns; idempotent.

    Raises:
        ConflictError: a newer table was published.
    """
    try:
        newer = published_traffic(settings).revision
    except InputError:  # nobody can follow it: a new one is all that helps
        newer = 0
    if newer > traffic.revision:
        raise ConflictError(
            f"traffic revision {newer} was published, {traffic.revision} is older and would be ignored; count on from {newer}"
        )
    replace_file(traffic_path(settings), json.dumps(traffic.to_dict()).encode())
