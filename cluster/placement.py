"""Where parts of an installation may run on a cluster of several machines. Decisions only, over settings and what is seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.engine import make_url

from cluster.database import database_url
from naviyam.errors import ConfigError
from naviyam.settings import Settings

ON_HEAD: Mapping[str, float] = MappingProxyType({"node:__internal_head__": 0.001})
"""Resources that only a head has, also the one that comes after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """Why an installation cannot run on a cluster as it is configured, and the way out."""

    reason: str


def misplaced(settings: Settings, addresses: Sequence[str]) -> Misplaced | None:
    """Return why replicas and controller would not find what they need, None where they would.

    Args:
        settings: of the installation.
        addresses: of the cluster's living nodes, one for each.
    """
    machines = sorted(set(addresses))
    if len(machines) < 2:
        return None
    where = f"the cluster has {len(machines)} machines ({', '.join(machines[:4])})"
    if not settings.cluster.shared_state:
        return Misplaced(
            reason=f"{where}, and replicas on each read paths.state ({settings.paths.state}): put it on a folder "
            "that all of them mount, then set cluster.shared_state: true"
        )
    if is_sqlite(settings):
        return Misplaced(
            reason=f"{where}, and SQLite is a file of one machine: set jobs.database to a PostgreSQL URL "
            "(postgresql+psycopg://user@host/naviyam)"
        )
    if not settings.events.spool:
        return Misplaced(
            reason=f"{where}, and events are written in paths.state, where the locks of a shared folder do not hold: "
            "set events.spool to a folder of each machine's own disk, and events.uri to where all of them end"
        )
    return None


def controller_place(settings: Settings) -> Mapping[str, float]:
    """Return the resources that keep the controller where it works; none where it may run on any node.

    It stays on the head where its database is a file, and where the addresses of dashboard and service are the head's own.

    Raises:
        ConfigError: it is to leave the head, where it must stay.
    """
    cluster = settings.cluster
    if not is_sqlite(settings) and cluster.dashboard_url and cluster.service_url:
        return cluster.controller_resources
    if cluster.controller_resources:
        raise ConfigError(
            "cluster.controller_resources lets the controller leave the head, where its SQLite file and the "
            "addresses of dashboard and service are: set jobs.database (PostgreSQL), cluster.dashboard_url and "
            "cluster.service_url, or remove it"
        )
    return ON_HEAD


def is_sqlite(settings: Settings) -> bool:
    """Return whether the control plane's database is a file."""
    return make_url(database_url(settings)).get_backend_name() == "sqlite"
