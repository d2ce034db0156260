"""The controller over a store and a cluster in memory: its story in ticks, and its death between any two deeds."""

import fcntl
import json
from pathlib import Path

import pytest

from cluster.jobs.commands import JobCommands
from cluster.jobs.controller import JobController
from cluster.jobs.folders import JobFolder
from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.runs import ClusterError, MemoryRuns
from cluster.jobs.states import ENDED
from cluster.jobs.types import Ended, Load, Run, RunState
from cluster.programs import LOST, SAID_WHY, write_result
from naviyam.clock import FakeClock
from naviyam.settings import Settings
from tests.jobs.conftest import NOW


class World:
    """One installation in memory."""

    def __init__(self, tmp_path, store=None):
        self.settings = Settings.parse({"paths": {"state": str(tmp_path / "state")}})
        self.store = store or MemoryStore(salt=lambda: "s")
        self.runs = MemoryRuns()
        self.clock = FakeClock(current=NOW)
        self.load = Load(cpu=0.1, memory=0.1)
        self.commands = JobCommands(settings=self.settings, store=self.store, clock=self.clock)
        self.restart()

    def restart(self):
        """A new controller that knows nothing but what is written."""
        self.controller = JobController(
            settings=self.settings,
            store=self.store,
            runs=self.runs,
            load=lambda: self.load,
            clock=self.clock,
            root=Path("/root"),
            config=Path("/root/c.yaml"),
        )

    def submit(self, kind="lora", **how):
        return self.commands.submit(kind, who="t", **how)

    def tick(self, seconds=1.0):
        self.clock.advance(seconds)
        self.controller.tick(self.clock.now())

    def state(self, job):
        held = self.store.job(job.id)
        return held.state.value, held.attempt

    def succeed(self, job):
        """The attempt's process leaves its result and ends."""
        held = self.store.job(job.id)
        write_result(JobFolder.of(self.settings, job.id).result_path, {"by": held.attempt})
        self.runs.end(held.submission, RunState.SUCCEEDED)

    def fail(self, job, code, words):
        """The attempt's process says its last words and ends."""
        held = self.store.job(job.id)
        folder = JobFolder.of(self.settings, job.id)
        folder.write_end(held.attempt, Ended(code=code, words=words))
        self.runs.end(held.submission, RunState.FAILED)

    def story(self, job):
        return [(c.event or "submitted", c.state.value) for c in self.store.history(job.id)]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_job_is_written_down_then_submitted_then_done(world):
    job = world.submit(arguments=["--max-steps", "5"])
    assert job.id == "lora-1-s"
    world.tick()
    assert world.state(job) == ("running", 1)
    command = world.runs.commands["lora-1-s-1"]
    assert command[1:] == (
        *("-m", "cluster.jobs.attempt", str(JobFolder.of(world.settings, job.id).path), "1"),
        *("training.lora", "--max-steps", "5", "--config", "/root/c.yaml"),
    )
    world.succeed(job)
    world.tick()
    assert world.state(job) == ("succeeded", 1)
    assert world.commands.describe(job.id)["result"] == {"by": 1}
    assert world.story(job) == [
        ("submitted", "queued"),
        ("chosen", "starting"),
        ("submitted", "running"),
        ("done", "succeeded"),
    ]


def test_two_run_at_once_by_priority_then_age(world):
    jobs = [world.submit(priority=p) for p in (0, 5, 0, 5)]
    for _ in range(3):
        world.tick()
    assert [world.state(j)[0] for j in jobs] == ["queued", "running", "queued", "running"]
    assert "at most 2" in world.store.job(jobs[0].id).waits_for
    world.succeed(jobs[1])
    world.tick()
    world.tick()
    assert [world.state(j)[0] for j in jobs] == ["running", "succeeded", "queued", "running"]


def test_one_job_starts_at_a_tick_so_that_the_next_sees_its_weight(world):
    jobs = [world.submit(), world.submit()]
    starts = []
    world.controller.load = lambda: starts.append(len(world.runs.runs)) or world.load
    world.tick()
    world.load = Load(cpu=0.9, memory=0.1)
    world.tick()
    assert [world.state(j)[0] for j in jobs] == ["running", "queued"]
    assert "cpu at 90%" in world.store.job(jobs[1].id).waits_for


def test_a_lost_job_is_tried_again_after_its_backoff(world):
    job = world.submit()
    world.tick()
    world.runs.end("lora-1-s-1", RunState.FAILED, "the driver was killed")
    world.tick()
    assert world.state(job) == ("queued", 1)
    world.tick(8)
    assert world.state(job) == ("queued", 1)
    world.tick(2)
    assert world.state(job) == ("running", 2)
    world.succeed(job)
    world.tick()
    assert world.commands.describe(job.id)["result"] == {"by": 2}


def test_a_lost_job_on_every_store(tmp_path, store):
    world = World(tmp_path, store)
    job = world.submit()
    world.tick()
    world.runs.end(f"{job.id}-1", RunState.FAILED, "the driver was killed")
    world.tick()
    world.restart()
    world.tick(10)
    world.succeed(job)
    world.tick()
    assert world.state(job) == ("succeeded", 2)
    assert [event for event, _ in world.story(job)][-4:] == [
        "retried",
        "chosen",
        "submitted",
        "done",
    ]


def test_out_of_memory_is_tried_once_with_half_the_batch(world):
    job = world.submit()
    world.tick()
    world.fail(job, SAID_WHY, "MemoryError")
    world.tick()
    world.tick(10)
    assert world.runs.commands["lora-1-s-2"][-4:-2] == ("--batch-scale", "0.5")
    world.fail(job, LOST, "DefaultCPUAllocator: can't allocate memory")
    world.tick()
    assert world.state(job) == ("failed", 2)
    assert "a second time" in world.store.job(job.id).reason


def test_bad_data_fails_and_takes_what_depends_on_it_along(world):
    job = world.submit()
    behind = world.submit("nlu", after=[job.id])
    last = world.submit("nlu", after=[behind.id])
    world.tick()
    world.tick()
    assert world.store.job(behind.id).waits_for == f"waits for {job.id} (running)"
    world.fail(job, SAID_WHY, "error: 3 rows, at least 50 are needed")
    world.tick()
    world.tick()
    assert world.state(job) == ("failed", 1)
    assert world.store.job(behind.id).reason == f"it depends on {job.id}, which is failed"
    assert world.state(last) == ("cancelled", 0)


def test_a_dependant_starts_when_all_are_done(world):
    job = world.submit()
    behind = world.submit("nlu", after=[job.id])
    world.tick()
    world.succeed(job)
    world.tick()
    world.tick()
    assert world.state(behind) == ("running", 1)


def test_cancel_before_and_during_its_run(world):
    waiting, running = world.submit(priority=-1), world.submit()
    world.tick()
    world.commands.cancel(waiting.id, who="min", why="no need")
    world.commands.cancel(running.id, who="min")
    world.tick()
    world.tick()
    assert world.state(waiting) == ("cancelled", 0)
    assert world.store.job(waiting.id).reason == "cancelled by min: no need"
    assert world.state(running) == ("cancelled", 1)
    assert world.runs.stopped == [f"{running.id}-1"]
    assert world.story(running)[-2:] == [("stopped", "stopping"), ("cancelled", "cancelled")]


def test_a_job_past_its_deadline_is_stopped_and_failed(world):
    job = world.submit(deadline_s=30)
    world.tick()
    world.tick(31)
    world.tick()
    assert world.state(job) == ("failed", 1)
    assert "within 30 s" in world.store.job(job.id).reason


def test_what_was_stopped_by_hand_on_the_cluster_is_cancelled(world):
    job = world.submit()
    world.tick()
    world.runs.end("lora-1-s-1", RunState.STOPPED)
    world.tick()
    assert world.state(job) == ("cancelled", 1)


def test_a_silent_cluster_changes_nothing(world):
    job = world.submit()
    world.tick()
    waiting = world.submit()
    world.commands.cancel(waiting.id, who="min")
    world.runs.answers = False
    with pytest.raises(ClusterError, match="not to answer"):
        world.tick()
    assert world.state(job) == ("running", 1)
    assert world.state(waiting) == ("cancelled", 0)
    world.runs.answers = True
    world.tick()
    assert world.state(job) == ("running", 1)


def test_a_cluster_that_forgot_everything_runs_again_what_left_no_result(world):
    done, lost = world.submit(), world.submit("nlu")
    world.tick()
    world.tick()
    world.succeed(done)
    world.runs.runs.clear()
    world.restart()
    world.tick()
    assert world.state(done) == ("succeeded", 1)
    assert world.state(lost) == ("queued", 1)
    world.tick(10)
    assert world.state(lost) == ("running", 2)
    assert f"{done.id}-2" not in world.runs.commands


def test_the_result_of_a_ghost_ends_a_job_that_waits_for_its_retry(world):
    job = world.submit()
    world.tick()
    world.runs.runs.clear()
    world.tick()
    assert world.state(job) == ("queued", 1)
    write_result(JobFolder.of(world.settings, job.id).result_path, {"by": "ghost"})
    world.tick(20)
    assert world.state(job) == ("succeeded", 1)


def test_strays_of_ended_jobs_are_stopped_and_foreign_ones_left_alone(world):
    job = world.submit()
    world.tick()
    world.succeed(job)
    world.tick()
    world.runs.runs["late"] = Run(
        submission="late", state=RunState.RUNNING, metadata={"naviyam_job": job.id}
    )
    world.runs.runs["theirs"] = Run(submission="theirs", state=RunState.RUNNING)
    world.restart()
    world.tick()
    assert world.runs.stopped == ["late"]


def test_what_the_cluster_calls_running_without_a_process_is_lost_after_a_while(world):
    job = world.submit()
    world.tick()
    lock = JobFolder.of(world.settings, job.id).lock_path
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        held.write('{"pid": 1, "attempt": 1}')
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        for _ in range(20):
            world.tick()
        assert world.state(job) == ("running", 1)
    for _ in range(10):
        world.tick()
    assert world.state(job) == ("running", 1)
    world.tick()
    assert world.state(job) == ("queued", 1)
    assert "its process is gone" in world.store.job(job.id).reason
    world.tick(10)
    assert world.state(job) == ("running", 2)
    assert world.runs.stopped == ["lora-1-s-1"]


class KilledError(BaseException):
    """kill -9: nothing may catch it."""


class Mortal:
    """Counts the deeds on store and cluster, and dies before or after one of them."""

    def __init__(self, inner, life):
        self._inner, self._life = inner, life

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in ("submit", "move", "stop", "note", "look"):
            return found

        def deed(*args, **kwargs):
            self._life.step()
            value = found(*args, **kwargs)
            self._life.step()
            return value

        return deed


class Life:
    def __init__(self, steps):
        self.left = steps

    def step(self):
        self.left -= 1
        if self.left == 0:
            raise KilledError


@pytest.mark.parametrize("dies_at", range(1, 31))
def test_killed_at_any_deed_its_successor_comes_to_the_same_end(tmp_path, dies_at):
    world = World(tmp_path)
    first, second = world.submit(), world.submit("nlu")
    world.submit("datasets", after=[first.id])
    life = Life(dies_at)
    world.controller.store = Mortal(world.store, life)
    world.controller.runs = Mortal(world.runs, life)
    alive = True
    for step in range(12):
        try:
            world.tick(10)
        except KilledError:
            alive = False
            world.restart()
        if step == 4 and not world.store.job(second.id).ended:
            world.runs.end(world.store.job(second.id).submission, RunState.FAILED, "killed")
        for job in world.store.jobs():
            run = world.runs.runs.get(job.submission)
            if step > 5 and run is not None and not run.state.over:
                world.succeed(job)
    assert not alive or life.left > 0
    assert {j.state.value for j in world.store.jobs()} == {"succeeded"}
    assert all(j.state in ENDED for j in world.store.jobs())
    assert sorted(world.runs.commands) == [
        "datasets-3-s-1",
        "lora-1-s-1",
        "nlu-2-s-1",
        "nlu-2-s-2",
    ]


def test_the_golden_replay_of_a_day(world):
    """The written story of a controller's ticks; a change of any rule is seen here."""
    told = []

    def tell(what):
        told.append([what, *(f"{j.id} {j.state.value} {j.attempt}" for j in world.store.jobs())])

    learn = world.submit("learn", priority=10)
    lora = world.submit("lora", after=[learn.id])
    nlu = world.submit("nlu")
    for what, do in (
        ("start", lambda: None),
        ("the second", lambda: None),
        ("learn's node dies", lambda: world.runs.end("learn-1-s-1", RunState.FAILED, "node died")),
        ("the backoff is over", lambda: world.clock.advance(10)),
        ("nlu said why", lambda: world.fail(nlu, SAID_WHY, "no messages")),
        ("the head forgot", lambda: world.runs.runs.clear()),
        ("busy", lambda: world.clock.advance(20)),
        ("free", lambda: None),
        ("learned", lambda: world.succeed(learn)),
        ("lora has no memory", lambda: world.fail(lora, SAID_WHY, "MemoryError")),
        ("half", lambda: world.clock.advance(20)),
        ("done", lambda: world.succeed(lora)),
    ):
        world.load = Load(cpu=0.95 if what == "busy" else 0.2, memory=0.2)
        do()
        world.tick()
        world.tick()
        tell(what)
    golden = Path(__file__).with_name("golden_day.json")
    assert told == json.loads(golden.read_text(encoding="utf-8"))
