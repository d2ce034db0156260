"""The running replicas as the rollouts' part sees them: `cluster.rollout.part.Fleet` over Serve's REST interface and the service."""

from dataclasses import dataclass

import httpx

from cluster.database import open_engine
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.ray_io import serve
from cluster.ray_io.traffic import apply_traffic
from cluster.rollout.opened import LogObserver, open_rollouts
from cluster.rollout.part import RolloutPart
from cluster.rollout.sql_looks import SqlLooks
from cluster.rollout.traffic import Traffic
from cluster.traffic_file import published_traffic
from naviyam.errors import InputError
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings

_ASKED = 3
"""Fresh connections that must agree on what serves: each may reach another replica."""

_VERSION_OF = {"ranker": "ranker", "nlg": "adapter"}
"""Where `GET /version` names what serves of a registered model."""

_NOTHING = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFleet:
    """The application on the cluster behind `dashboard_url`, answering at `base_url`."""

    settings: Settings
    dashboard_url: str
    base_url: str

    @classmethod
    def of(cls, settings: Settings) -> "ServeFleet":
        """Return the fleet of the service that these settings start."""
        return cls(
            settings=settings,
            dashboard_url=settings.dashboard_url,
            base_url=settings.service_url,
        )

    def revision(self) -> int | None:
        """Return the revision that was published last, which every replica follows, new ones too."""
        try:
            httpx.get(self.dashboard_url, timeout=2.0, trust_env=False)
            names = [application["name"] for application in serve.declared(self.dashboard_url)]
        except (httpx.HTTPError, serve.ServeError):
            return None
        if serve.APPLICATION not in names:
            return None
        try:
            return published_traffic(self.settings).revision
        except InputError:  # nobody can follow it: it is written anew
            return -1

    def apply(self, traffic: Traffic) -> None:
        apply_traffic(
            self.settings, traffic, dashboard_url=self.dashboard_url, base_url=self.base_url
        )

    def serves(self, model: str, version: str) -> bool:
        try:
            named = [
                httpx.get(f"{self.base_url}/version", timeout=2.0, trust_env=False).json()
                for _ in range(_ASKED)
            ]
        except (httpx.HTTPError, ValueError):
            return False
        found = [str(answer.get(_VERSION_OF[model], _NOTHING)) for answer in named]
        return all(name == _NOTHING or name.rpartition("@")[2] == version for name in found)


def open_rollout_part(settings: Settings) -> RolloutPart:
    """Return the rollouts of an installation over its service, its event log and its alerts."""
    engine = open_engine(settings)
    return RolloutPart(
        rollouts=open_rollouts(settings),
        fleet=ServeFleet.of(settings),
        observer=LogObserver(EventStore.of(settings)),
        alarms=SqlAlertStore(engine),
        looks=SqlLooks(engine),
    )
