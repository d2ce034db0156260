"""kill -9 of real controllers and real attempts at random moments: every job ends, with one result, and never two at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.jobs.folders import JobFolder
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.states import ENDED
from cluster.jobs.types import JobSpec
from naviyam.clock import SystemClock
from naviyam.settings import Settings

pytestmark = pytest.mark.slow

# Holds a lock while it works: a second one at the same time says so.
PROGRAM = """
import fcntl, json, os, sys, time

marks = open(sys.argv[1], "a")
own = open(sys.argv[1] + ".own", "w")
try:
    fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    marks.write("overlap\\n")
marks.write("begin\\n")
marks.flush()
time.sleep(2)
print(json.dumps({"pid": os.getpid()}))
"""
KILLS = 20
JOBS = 6


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path):
    (tmp_path / "naviyam_test_chaos.py").write_text(PROGRAM)
    settings = Settings.parse({"paths": {"state": str(tmp_path / "state")}})
    store, rng, clock = SqlStore.of(settings), random.Random(7), SystemClock()
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"}
    first = None
    for number in range(JOBS):
        spec = JobSpec(
            kind="chaos",
            module="naviyam_test_chaos",
            arguments=(str(tmp_path / f"marks-{number}"),),
            after=(first.id,) if number == JOBS - 1 else (),
        )
        job = store.submit(spec, now=clock.now(), max_queued=50)
        first = first or job

    def begin():
        program = Path(__file__).with_name("local_cluster.py")
        return subprocess.Popen(
            [sys.executable, str(program), str(tmp_path / "state")], env=environ
        )

    def unfinished():
        return [j for j in store.jobs() if not j.ended]

    controller = begin()
    try:
        kills = 0
        deadline = time.monotonic() + 300
        while unfinished():
            assert time.monotonic() < deadline, [j.to_dict() for j in unfinished()]
            time.sleep(rng.uniform(0.2, 2.5))
            if kills < KILLS:
                kills += 1
                if rng.random() < 0.5:
                    controller.kill()
                    controller.wait()
                    controller = begin()
                else:
                    kill_an_attempt(settings, rng, store)
            assert controller.poll() is None
    finally:
        controller.kill()
        controller.wait()
    jobs = store.jobs(states=ENDED)
    assert [j.state.value for j in jobs] == ["succeeded"] * JOBS
    assert all(JobFolder.of(settings, j.id).result() for j in jobs)
    marks = "".join(p.read_text() for p in tmp_path.glob("marks-?"))
    assert "overlap" not in marks
    assert marks.count("begin") >= JOBS


def kill_an_attempt(settings, rng, store):
    """Kill the attempt of a running job, if one is there."""
    locks = [JobFolder.of(settings, j.id).lock_path for j in store.jobs() if not j.ended]
    for lock in rng.sample(locks, len(locks)):
        try:
            pid = json.loads(lock.read_text())["pid"]
            if b"cluster.jobs.attempt" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                return
        except (OSError, ValueError, ProcessLookupError):
            continue
