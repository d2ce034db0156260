"""The schedule over a store: what is due comes into the queue once, whenever its controller dies."""

import json
from datetime import datetime, timedelta

import pytest

from cluster.jobs.commands import JobCommands
from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.states import JobEvent
from cluster.schedule.part import DOCUMENT, ScheduleCommands, SchedulePart, schedule_clock
from naviyam.clock import SEOUL, FakeClock
from naviyam.errors import InputError
from naviyam.learning.fresh import last_learned
from naviyam.settings import Settings

MORNING = datetime(2026, 11, 29, 8, 30, tzinfo=SEOUL)


class World:
    def __init__(self, tmp_path, **schedule):
        self.settings = Settings.parse(
            {"paths": {"state": str(tmp_path)}, "schedule": schedule, "jobs": {"max_queued": 5}}
        )
        self.clock = FakeClock(current=MORNING)
        self.store = MemoryStore(salt=lambda: "s")
        self.samples = 100
        self.ask = ScheduleCommands(settings=self.settings, store=self.store, clock=self.clock)
        self.restart()

    def restart(self):
        commands = JobCommands(settings=self.settings, store=self.store, clock=self.clock)
        self.part = SchedulePart(
            commands=commands, store=self.store, new_samples=lambda _: self.samples
        )

    def tick(self, **later):
        self.clock.advance(timedelta(**later).total_seconds())
        self.part.tick(self.clock.now())

    def learns(self):
        return [job for job in self.store.jobs() if job.spec.kind == "learn"]

    def end(self, job):
        started = self.store.move(job, JobEvent.CHOSEN, now=self.clock.now())
        self.store.move(started, JobEvent.DONE, now=self.clock.now())

    def last(self, kind="learn"):
        return self.ask.show()[kind]["decisions"][0]


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    found.tick()
    return found


def test_what_is_due_is_queued_once_and_held_as_challenger(world):
    world.tick(hours=1)
    assert not world.store.jobs()
    world.tick(hours=3)
    world.tick(seconds=1)
    (job,) = world.learns()
    assert job.spec.arguments == ("--hold", "--who", "schedule")
    assert (job.spec.module, job.spec.who) == ("training.pipelines", "schedule")
    shown = world.ask.show()["learn"]
    assert shown["next_at"] == "2026-11-29T18:00:00+09:00"
    assert (shown["ran_today"], shown["decisions"][0]["job"]) == (1, job.id)


def test_too_few_samples_are_decided_and_told(world):
    world.samples = 3
    world.tick(hours=4)
    assert not world.learns()
    assert world.last()["reason"] == "3 new good samples, at least 50 are needed"


def test_a_day_without_its_controller_is_one_run(world):
    world.restart()
    world.tick(hours=24)
    world.tick(seconds=1)
    assert len(world.learns()) == 1
    assert world.last()["missed"] == 3


def test_killed_between_queue_and_decision_it_finds_its_job(world):
    before = world.store.read(DOCUMENT)
    world.tick(hours=4)
    world.store.change(DOCUMENT, lambda _: before)
    world.restart()
    world.tick(seconds=5)
    (job,) = world.learns()
    assert world.last()["job"] == job.id
    assert world.last()["ran"]


def test_a_run_that_goes_on_is_not_doubled(world):
    world.tick(hours=4)
    world.tick(hours=6)
    assert world.last()["reason"] == f"{world.learns()[0].id} has not ended"
    world.end(world.learns()[0])
    world.tick(hours=6)
    assert len(world.learns()) == 2


def test_somebody_asks_pauses_and_resumes(world):
    world.ask.pause("learn", who="min")
    world.ask.run_now("learn", who="jin")
    world.tick(seconds=1)
    assert world.last()["reason"] == "asked for by jin"
    world.end(world.learns()[0])
    world.tick(hours=4)
    assert world.last()["reason"] == "paused by min"
    world.ask.resume("learn")
    world.tick(hours=6)
    assert len(world.learns()) == 2
    with pytest.raises(InputError, match=r"housekeeping.*learn"):
        world.ask.pause("lora", who="min")


def test_a_full_queue_is_a_reason(world):
    for number in range(5):
        world.part.commands.submit("nlu", who="t", dedup_key=str(number))
    world.tick(hours=4)
    assert "at most 5" in world.last()["reason"]


def test_housekeeping_runs_every_night(world):
    world.tick(hours=21)
    kinds = sorted(job.spec.kind for job in world.store.jobs())
    assert kinds == ["housekeeping", "learn"]


def test_a_fast_clock_goes_on_where_it_was(tmp_path):
    world = World(tmp_path, clock_scale=3600)
    world.tick()
    world.tick(seconds=4)
    world.restart()
    assert len(world.learns()) == 1
    show = world.ask.show()["learn"]
    assert show["now"] == (MORNING + timedelta(hours=4)).isoformat()
    slower = Settings.parse({"schedule": {"clock_scale": 60}})
    clock = schedule_clock(slower, world.store, world.clock)
    assert clock.now() == MORNING + timedelta(hours=4)
    world.clock.advance(1)
    assert clock.now() == MORNING + timedelta(hours=4, minutes=1)


def test_new_is_since_the_last_whole_run(tmp_path):
    def journal(name, **held):
        folder = tmp_path / "learn" / name
        folder.mkdir(parents=True)
        (folder / "journal.json").write_text(json.dumps({"steps": {}, **held}))

    assert last_learned(tmp_path) is None
    journal("1", now="2026-11-28T00:00:00+00:00", outcome={"skipped": "x"})
    journal("2", now="2026-11-28T06:00:00+00:00", outcome={}, asked={"plant": {"nlg": "/x"}})
    journal("3", now="2026-11-28T12:00:00+00:00", outcome=None)
    assert last_learned(tmp_path) == datetime.fromisoformat("2026-11-28T00:00:00+00:00")
