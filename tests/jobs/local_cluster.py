"""A cluster of processes on this machine for chaos tests, and `python local_cluster.py ROOT`: a controller over it."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from cluster.jobs.controller import JobController
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.types import Load, Run, RunState
from naviyam.clock import SystemClock
from naviyam.settings import Settings


class LocalRuns:
    """`Runs` whose memory is a folder. Killed in `submit`, it leaves a process that it does not know."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def look(self):
        runs = {}
        for path in self.folder.glob("*.json"):
            held = json.loads(path.read_text())
            name, code = path.stem, path.with_suffix(".code")
            if code.exists() and code.read_text().strip():
                done = code.read_text().strip() == "0"
                state = RunState.SUCCEEDED if done else RunState.FAILED
            else:
                state = RunState.RUNNING if alive(held["pid"]) else RunState.FAILED
            runs[name] = Run(submission=name, state=state, metadata=held["metadata"])
        return runs

    def submit(self, submission, command, *, root, metadata, environ):
        path = self.folder / f"{submission}.json"
        if path.exists():
            return
        code = path.with_suffix(".code")
        process = subprocess.Popen(
            ["sh", "-c", f"{shlex.join(command)}; echo $? > {code}"],
            cwd=root,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.05)  # here it is often killed
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps({"pid": process.pid, "metadata": dict(metadata)}))
        beside.rename(path)

    def stop(self, submission):
        held = json.loads((self.folder / f"{submission}.json").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.killpg(held["pid"], signal.SIGTERM)

    def log(self, submission):
        return ""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main():
    root = Path(sys.argv[1])
    settings = Settings.parse(
        {"paths": {"state": str(root)}, "jobs": {"backoff_s": 0.1, "max_attempts": 50}}
    )
    clock = SystemClock()
    controller = JobController(
        settings=settings,
        store=SqlStore.of(settings),
        runs=LocalRuns(root / "runs"),
        load=lambda: Load(cpu=0.0, memory=0.0),
        clock=clock,
        root=Path(os.getcwd()),
    )
    while True:
        controller.tick(clock.now())
        time.sleep(0.05)


if __name__ == "__main__":
    main()
