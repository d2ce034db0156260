import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deployments.watchdog import Processes, marked_processes

OWNER = """
import os, subprocess, sys, time
from deployments.watchdog import Processes
guard = Processes.guard(os.environ)
titled = "import setproctitle, time; setproctitle.setproctitle('VLLM::' + 'x' * 40); time.sleep(60)"
grandchild = [sys.executable, "-c", titled]
nested = f"import subprocess; subprocess.run({grandchild!r})"
subprocess.Popen([sys.executable, "-c", nested])
print(guard.mark, flush=True)
time.sleep(60)
"""


def wait_until(condition, timeout_s=10.0):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def title_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_killed_owner_leaves_nothing_behind():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    mark = owner.stdout.readline().strip()
    assert wait_until(lambda: len(marked_processes(mark)) == 2), "child and grandchild run"
    assert wait_until(lambda: any(b"VLLM" in title_of(pid) for pid in marked_processes(mark)))
    assert len(marked_processes(mark)) == 2, "a new title does not hide a process"
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert wait_until(lambda: not marked_processes(mark))


def test_end_spares_what_was_started_before():
    before = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    environ = dict(os.environ)
    guard = Processes.guard(environ)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environ)
    try:
        assert wait_until(lambda: marked_processes(guard.mark) == [child.pid])
        guard.end()
        guard.end()
        assert child.wait(5) == -signal.SIGKILL
        assert guard.watchdog.poll() is not None
        assert before.poll() is None
    finally:
        before.kill()
        before.wait()
