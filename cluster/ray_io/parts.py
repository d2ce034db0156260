"""Which parts the controller ticks, made from the settings. A new part is one line here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.jobs.commands import JobCommands
from cluster.jobs.controller import JobController
from cluster.jobs.store import Store
from cluster.monitoring.part import MonitoringPart
from cluster.parts import Part
from cluster.ray_io.fleet import open_rollout_part
from cluster.ray_io.probes import LoadProbe
from cluster.ray_io.runs import RayRuns
from cluster.schedule.part import SchedulePart, count_new
from cluster.telemetry.control import Shown
from cluster.telemetry.part import TelemetryPart
from naviyam.clock import Clock
from naviyam.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a part may be made of."""

    settings: Settings
    config: Path | None
    """Settings file that programs are given; None means the built-in defaults."""

    root: Path
    """Folder in which programs run."""

    store: Store
    clock: Clock
    dashboard_url: str
    shown: Shown
    """Where the controller's gauges are."""


def make_parts(around: Surroundings) -> Sequence[Part]:
    """Return the parts in the order in which they are ticked."""
    commands = JobCommands(settings=around.settings, store=around.store, clock=around.clock)
    jobs = JobController(
        settings=around.settings,
        store=around.store,
        runs=RayRuns(address=around.dashboard_url, places=around.settings.jobs.places),
        load=LoadProbe(address=around.dashboard_url),
        clock=around.clock,
        root=around.root,
        config=around.config,
    )
    return (
        jobs,
        SchedulePart(commands=commands, store=around.store, new_samples=count_new),
        MonitoringPart.of(around.settings),
        open_rollout_part(around.settings),
        TelemetryPart.of(
            around.settings,
            around.store,
            around.clock,
            load=lambda: jobs.last_load,
            shown=around.shown,
        ),
    )
