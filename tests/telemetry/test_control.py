"""What the controller tells Prometheus: from the store, and taken back when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.states import JobEvent
from cluster.jobs.types import JobSpec, Load
from cluster.monitoring.alerts import AlertEvent, Level, Watch
from cluster.monitoring.store import MemoryAlertStore
from cluster.rollout.experiment import Experiment, Period, State
from cluster.rollout.store import MemoryExperiments, Note
from cluster.schedule.part import DOCUMENT
from cluster.telemetry.catalogue import (
    ALERTS,
    CONTROLLER_ACTS,
    EVENT_OLDEST,
    EVENT_SEGMENTS,
    EXPERIMENT_WEIGHT,
    EXPERIMENTS,
    JOB_WAIT,
    JOBS,
    JOBS_ENDED,
    JOBS_WAITING,
    LOAD,
    PART_ERRORS,
    SCHEDULE_LATE,
    SCHEDULE_PAUSED,
    TRAFFIC_WANTED,
)
from cluster.telemetry.control import Shown
from cluster.telemetry.instruments import MemoryMeter
from cluster.telemetry.part import TelemetryPart, beat_to
from naviyam.clock import FakeClock
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings

NOW = datetime(2026, 11, 29, 3, 30, tzinfo=UTC)


class World:
    def __init__(self, folder):
        self.settings = Settings.parse({"paths": {"state": str(folder)}})
        self.clock = FakeClock(current=NOW)
        self.store = MemoryStore(salt=lambda: "s")
        self.experiments, self.alerts = MemoryExperiments(), MemoryAlertStore()
        self.load = Load(cpu=0.2, memory=0.3)
        self.meter = MemoryMeter()
        self.shown = Shown(self.meter)
        self.events = EventStore(folder / "events")
        self.part = TelemetryPart(
            settings=self.settings,
            store=self.store,
            experiments=self.experiments,
            alert_store=self.alerts,
            events=self.events,
            clock=self.clock,
            load=lambda: self.load,
            shown=self.shown,
        )

    def job(self, *events, **spec):
        job = self.store.submit(
            JobSpec(**{"kind": "lora", "module": "m", **spec}), now=self.clock.now(), max_queued=50
        )
        for event in events:
            ends = event in (JobEvent.DONE, JobEvent.FAILED)
            changes = {"ended_at": self.clock.now()} if ends else {}
            job = self.store.move(job, event, now=self.clock.now(), changes=changes)
        return job

    def look(self, **later):
        self.clock.advance(timedelta(**later).total_seconds())
        self.part.tick(self.clock.now())
        return self.meter.last


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_jobs_by_state_wait_and_reason(world):
    waits = world.job()
    world.job(JobEvent.CHOSEN, JobEvent.SUBMITTED)
    world.job(JobEvent.CHOSEN, JobEvent.SUBMITTED, JobEvent.FAILED)
    world.job(after=(waits.id,))
    world.load = replace(world.load, cpu=0.99)
    last = world.look(minutes=10)
    assert (last(JOBS, "queued"), last(JOBS, "running"), last(JOBS, "starting")) == (2, 1, 0)
    assert last(JOBS_ENDED, "lora", "failed") == 1
    assert (last(JOBS_WAITING, "cpu"), last(JOBS_WAITING, "dependency")) == (1, 1)
    assert last(JOB_WAIT) == 600
    assert last(LOAD, "cpu") == 0.99
    world.load = Load(cpu=0.1, memory=0.1)
    last = world.look(days=2)
    assert (last(JOBS_WAITING, "cpu"), last(JOBS_WAITING, "turn")) == (0, 1)
    assert last(JOBS_ENDED, "lora", "failed") == 0


def test_a_schedule_that_nobody_decides_is_late(world):
    begun = {"seen_until": NOW.isoformat(), "paused": "", "trigger": None, "decisions": []}
    world.store.change(DOCUMENT, lambda _: {"learn": begun})
    assert world.look()(SCHEDULE_LATE, "learn") == 0
    assert world.look(hours=7)(SCHEDULE_LATE, "learn") == 1.5 * 3600  # since 18:00 in Seoul
    world.store.change(DOCUMENT, lambda d: {"learn": {**begun, "paused": "kim"}})
    assert world.look()(SCHEDULE_PAUSED, "learn") == 1


def test_experiments_alerts_and_segments(world):
    experiment = Experiment(
        id="e1",
        layer="ranker",
        stable="r1",
        candidate="r2",
        salt="s",
        state=State.RUNNING,
        steps=world.settings.rollout.steps,
        created_at=NOW,
        who="t",
        periods=(Period(since=NOW, weight=0.1),),
    )
    world.experiments.add(experiment, Note(what="start", who="t", why="", at=NOW))
    event = AlertEvent(
        kind="raised",
        alert_id="a1",
        rule="satisfaction",
        population="real",
        level=Level.WARN,
        at=NOW,
        value=0.1,
        statement="",
    )
    world.alerts.keep(Watch(rule="satisfaction", population="real"), event)
    folder = world.events.spool / "feedback"
    folder.mkdir(parents=True)
    (folder / f"{int(NOW.timestamp() * 1000)}-1-aa.jsonl").write_text("")
    last = world.look(hours=1)
    assert last(EXPERIMENTS, "ranker", "running") == 1
    assert (last(EXPERIMENT_WEIGHT, "ranker"), last(EXPERIMENT_WEIGHT, "prompt")) == (0.1, 0)
    assert last(TRAFFIC_WANTED) == 1
    assert last(ALERTS, "satisfaction", "real", "warn") == 1
    assert (last(EVENT_SEGMENTS, "feedback"), last(EVENT_OLDEST, "feedback")) == (1, 3600)
    world.alerts.keep(Watch(rule="satisfaction", population="real"), replace(event, kind="cleared"))
    assert world.look()(ALERTS, "satisfaction", "real", "warn") == 0


def test_a_source_that_fails_hides_no_other(world):
    def fail(**options):
        raise OSError("gone")

    world.store.jobs = fail
    with pytest.raises(OSError, match="gone"):
        world.look()
    assert world.meter.last(TRAFFIC_WANTED) == 0


def test_the_beat_tells_who_acts_and_how_parts_do(world):
    health = {"last_s": 0.1, "errors_in_row": 3, "last_at": NOW.isoformat()}
    beat_to(world.shown)({"acts": True, "at": NOW.isoformat(), "parts": {"jobs": health}})
    assert world.meter.last(CONTROLLER_ACTS) == 1
    assert world.meter.last(PART_ERRORS, "jobs") == 3
