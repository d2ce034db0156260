"""A real head and its controller: kill -9 of a job's process and of the controller's; each job's result exactly once."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from cluster.jobs.commands import foreign
from cluster.jobs.folders import JobFolder
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.types import JobSpec
from cluster.ray_io import head as heads
from cluster.ray_io.environment import ray_environment
from cluster.ray_io.runs import RayRuns
from naviyam.clock import SystemClock
from naviyam.settings import Settings

pytestmark = pytest.mark.ray

# A job: marks its beginning, waits for a file, marks its end.
PROGRAM = """
import json, os, sys, time
from pathlib import Path

marks, go = Path(sys.argv[1]), Path(sys.argv[2])
with marks.open("a") as file:
    file.write(f"begin {os.getpid()} {os.getppid()}\\n")
while not go.exists():
    time.sleep(0.05)
with marks.open("a") as file:
    file.write("end\\n")
print(json.dumps({"pid": os.getpid()}))
"""


class Cluster:
    """A head of this module's own, with its controller."""

    def __init__(self, root):
        self.root = root
        (root / "naviyam_test_job.py").write_text(PROGRAM)
        self.config = root / "test.yaml"
        self.config.write_text(
            f"paths: {{state: {root / 'state'}}}\n"
            f"serving: {{port: 0, dashboard_port: {free_port()}}}\n"
            "schedule: {enabled: false}\n"
            "jobs: {tick_s: 0.3, backoff_s: 0.5, gate: {cpu: 1.0, memory: 1.0}}\n"
        )
        self.settings = Settings.load(self.config)
        here = os.getcwd()
        self.environ = {**os.environ, "PYTHONPATH": f"{root}:{here}"}
        self.store = SqlStore.of(self.settings)
        self.runs = RayRuns(address=f"http://127.0.0.1:{self.settings.serving.dashboard_port}")

    def up(self):
        self.head = heads.start_head(self.settings, self.environ, timeout_s=240)
        environ = {
            **self.environ,
            **ray_environment(self.settings),
            heads.MARK: self.head.mark,
        }
        done = subprocess.run(
            [sys.executable, "-m", "cluster.ray_io.controller", "--config", str(self.config)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def down(self):
        heads.stop_head(self.settings, self.head)

    def submit(self, name, **how):
        marks, go = self.root / f"{name}-marks", self.root / f"{name}-go"
        spec = JobSpec(
            kind=name, module="naviyam_test_job", arguments=(str(marks), str(go)), who="t", **how
        )
        return self.store.submit(spec, now=SystemClock().now(), max_queued=50), marks, go

    def wait(self, what, seconds=240):
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < deadline, [j.to_dict() for j in self.store.jobs()]
            time.sleep(0.1)
        return found

    def wait_state(self, job, state):
        return self.wait(lambda: (j := self.store.job(job.id)).state == state and j)

    def wait_begun(self, marks, count):
        def begun():
            lines = marks.read_text().splitlines() if marks.exists() else []
            found = [line.split() for line in lines if line.startswith("begin")]
            return len(found) >= count and [(int(pid), int(parent)) for _, pid, parent in found]

        return self.wait(begun)

    def controller(self):
        return self.wait(lambda: self.store.read("controller")).get("pid")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    found = Cluster(tmp_path_factory.mktemp("c"))
    found.up()
    yield found
    found.down()


def once(cluster, job, marks):
    """Assert that the job ended with one result, of the attempt that the store names."""
    assert marks.read_text().count("end") == 1
    last = [line.split()[1] for line in marks.read_text().splitlines() if "begin" in line][-1]
    assert JobFolder.of(cluster.settings, job.id).result() == {"pid": int(last)}


def test_a_killed_job_is_run_again_and_its_result_is_one(cluster):
    job, marks, go = cluster.submit("kill")
    ((program, attempt),) = cluster.wait_begun(marks, 1)
    os.kill(attempt, signal.SIGKILL)
    cluster.wait_begun(marks, 2)
    assert not Path(f"/proc/{program}").exists()
    go.touch()
    done = cluster.wait_state(job, "succeeded")
    assert done.attempt == 2
    once(cluster, job, marks)
    events = [c.event for c in cluster.store.history(job.id)]
    assert events == [None, "chosen", "submitted", "retried", "chosen", "submitted", "done"]


def test_a_killed_controller_comes_back_and_adopts_what_runs(cluster):
    job, marks, go = cluster.submit("adopt")
    cluster.wait_begun(marks, 1)
    cluster.wait_state(job, "running")
    before = cluster.controller()
    os.kill(before, signal.SIGKILL)
    go.touch()
    done = cluster.wait_state(job, "succeeded")
    assert done.attempt == 1
    once(cluster, job, marks)
    cluster.wait(lambda: cluster.store.read("controller")["pid"] != before)


def test_a_running_job_is_cancelled(cluster):
    job, marks, go = cluster.submit("cancel")
    ((program, _),) = cluster.wait_begun(marks, 1)
    cluster.store.ask_cancel(job.id, "min: no need")
    done = cluster.wait_state(job, "cancelled")
    assert done.reason == "cancelled by min: no need"
    cluster.wait(lambda: not Path(f"/proc/{program}").exists())
    go.touch()
    assert "end" not in marks.read_text()


def test_an_engineers_own_job_is_seen_beside_ours(cluster):
    body = {"entrypoint": "echo hello", "submission_id": "theirs"}
    url = f"{cluster.runs.address}/api/jobs/"
    assert httpx.post(url, json=body, timeout=60, trust_env=False).is_success
    cluster.wait(lambda: [r for r in foreign(cluster.runs)[0] if r.submission == "theirs"])
    cluster.wait(lambda: "hello" in cluster.runs.log("theirs"))


def test_a_killed_head_comes_back_with_its_controller_and_the_job_is_run_again(cluster):
    job, marks, go = cluster.submit("head")
    ((program, _),) = cluster.wait_begun(marks, 1)
    for pid in heads.marked_processes(cluster.head.mark):
        with suppress(FileNotFoundError, ProcessLookupError):  # one may end with another
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"gcs_server" in command or b"raylet/raylet" in command or pid == cluster.head.pid:
                os.kill(pid, signal.SIGKILL)
    cluster.wait(lambda: not heads.is_whole(cluster.head))
    cluster.up()
    cluster.wait_begun(marks, 2)
    assert not Path(f"/proc/{program}").exists()
    go.touch()
    done = cluster.wait_state(job, "succeeded")
    assert done.attempt == 2
    once(cluster, job, marks)
    assert "theirs" in cluster.runs.look()
