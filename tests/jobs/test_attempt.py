"""Attempts as real processes: alone in their job's folder, their result exactly once, their ghosts ended."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cluster.jobs.folders import JobFolder

pytestmark = pytest.mark.slow

# Writes a mark, waits for a file, prints its result. Its child sleeps for ever in the same environment.
PROGRAM = """
import json, os, subprocess, sys, time
from pathlib import Path

marks, go = Path(sys.argv[1]), Path(sys.argv[2])
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with marks.open("a") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
print("said", flush=True)
while not go.exists():
    time.sleep(0.05)
child.kill()
if len(sys.argv) > 3:
    sys.exit(sys.argv[3])
print(json.dumps({"pid": os.getpid()}))
"""


class Bench:
    def __init__(self, tmp_path):
        (tmp_path / "naviyam_test_program.py").write_text(PROGRAM)
        self.folder = JobFolder(path=tmp_path / "jobs" / "lora-1-s")
        self.marks, self.go = tmp_path / "marks", tmp_path / "go"
        self.environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"}
        self.begun = []

    def begin(self, attempt, *more):
        module = ["naviyam_test_program", str(self.marks), str(self.go), *more]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cluster.jobs.attempt",
                str(self.folder.path),
                str(attempt),
                *module,
            ],
            env=self.environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun.append(process)
        return process

    def wait_marks(self, count):
        deadline = time.monotonic() + 30
        while len(lines := self.lines()) < count:
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)
        return [tuple(map(int, line.split())) for line in lines]

    def lines(self):
        return self.marks.read_text().splitlines() if self.marks.exists() else []


@pytest.fixture
def bench(tmp_path):
    found = Bench(tmp_path)
    yield found
    for process in found.begun:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_result_its_log_and_no_second_run(bench):
    bench.go.touch()
    assert bench.begin(1).wait(30) == 0
    assert bench.folder.result()["pid"]
    assert bench.folder.log(1) == "said\n"
    assert bench.begin(2).wait(30) == 0
    assert len(bench.lines()) == 1


def test_a_program_that_says_why_leaves_its_words(bench):
    bench.go.touch()
    assert bench.begin(1, "too few rows: 3 of 100").wait(30) == 1
    ended = bench.folder.ended(1)
    assert ended.code == 1
    assert "too few rows" in ended.words
    assert bench.folder.result() is None
    assert "too few rows" in bench.folder.log(1)


def test_a_killed_program_is_told_from_one_that_said_why(bench):
    process = bench.begin(1)
    ((pid, child),) = bench.wait_marks(1)
    os.kill(pid, signal.SIGKILL)
    assert process.wait(30) == 75
    assert bench.folder.ended(1).code == -9
    assert not alive(child)


def test_the_next_attempt_ends_the_ghost_with_all_that_it_began(bench):
    ghost = bench.begin(1)
    ((pid, child),) = bench.wait_marks(1)
    successor = bench.begin(2)
    marks = bench.wait_marks(2)
    assert not alive(pid)
    assert not alive(child)
    assert ghost.wait(10) == -9
    bench.go.touch()
    assert successor.wait(30) == 0
    assert bench.folder.result()["pid"] == marks[1][0]


def test_children_of_a_killed_attempt_are_ended_before_the_next_runs(bench):
    ghost = bench.begin(1)
    ((_, child),) = bench.wait_marks(1)
    ghost.kill()
    ghost.wait(10)
    assert alive(child)
    bench.go.touch()
    assert bench.begin(2).wait(30) == 0
    assert not alive(child)


def test_a_late_first_attempt_gives_way(bench):
    later = bench.begin(2)
    bench.wait_marks(1)
    first = bench.begin(1)
    assert first.wait(30) == 75
    assert "gives way" in first.stderr.read()
    bench.go.touch()
    assert later.wait(30) == 0
    assert len(bench.lines()) == 1
    assert json.loads(bench.folder.lock_path.read_text())["attempt"] == 2
