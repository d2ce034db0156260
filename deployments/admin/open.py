"""The control plane as the admin routes see it: its database, opened when the first of them is called."""

import functools

from cluster.audit.sql_store import SqlAudit
from cluster.database import open_engine
from cluster.jobs.commands import JobCommands
from cluster.jobs.runs import Runs
from cluster.jobs.sql_store import SqlStore
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.ray_io.fleet import ServeFleet, open_rollout_part
from cluster.ray_io.runs import RayRuns
from cluster.ray_io.scrape import RayScraper, Scraper
from cluster.ray_io.watch import Watcher
from cluster.registry.models import ModelRegistry
from cluster.rollout.part import RolloutPart
from cluster.schedule.part import ScheduleCommands
from naviyam.clock import SystemClock
from naviyam.settings import Settings


class Control:
    """One installation's verbs. Its calls block; routes are plain functions, which FastAPI runs in threads."""

    least_span_s = 12.0
    """Live figures are of no shorter span: Ray's processes hand their counts over every 10 s."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()

    @functools.cached_property
    def store(self) -> SqlStore:
        """The database."""
        return SqlStore.of(self.settings)

    @property
    def jobs(self) -> JobCommands:
        """The verbs of the queue."""
        return JobCommands(settings=self.settings, store=self.store, clock=self.clock)

    @property
    def schedule(self) -> ScheduleCommands:
        """The verbs of the schedule."""
        return ScheduleCommands(settings=self.settings, store=self.store, clock=self.clock)

    @functools.cached_property
    def alerts(self) -> SqlAlertStore:
        """What monitoring has raised."""
        return SqlAlertStore(open_engine(self.settings))

    @functools.cached_property
    def audit(self) -> SqlAudit:
        """Who did what."""
        return SqlAudit(open_engine(self.settings))

    @functools.cached_property
    def rollouts(self) -> RolloutPart:
        """Experiments and the replicas that they are carried to."""
        return open_rollout_part(self.settings)

    @property
    def registry(self) -> ModelRegistry:
        """The models."""
        return self.rollouts.rollouts.registry

    @property
    def dashboard_url(self) -> str:
        """Where Ray's dashboard listens, Serve's REST interface with it."""
        return ServeFleet.of(self.settings).dashboard_url

    @property
    def runs(self) -> Runs:
        """Ray's jobs."""
        return RayRuns(address=self.settings.dashboard_url)

    @functools.cached_property
    def scraper(self) -> Scraper:
        """What all replicas count."""
        return RayScraper(dashboard_url=self.settings.dashboard_url, clock=self.clock)

    @functools.cached_property
    def watcher(self) -> Watcher:
        """What Serve says of the deployments."""
        timeout_s = self.settings.admin.live_timeout_s
        return Watcher(dashboard_url=self.dashboard_url, timeout_s=timeout_s)
