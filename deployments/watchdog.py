"""Ends an engine's processes when their owner dies without a chance to do it itself (kill -9, out of memory).

Run as a process of its own: `python watchdog.py OWNER_PID MARK`. Ends only processes whose environment
holds the mark, which every process started after `Processes.guard` inherits.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MARK = "NAVIYAM_ENGINE_MARK"
# vLLM's processes set their titles, and setproctitle would write them over the environment, mark included.
_KEEP_ENVIRON = "SPT_NOENV"


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes started after `guard`: ended by `end`, or by the watchdog when this process dies."""

    mark: str
    watchdog: subprocess.Popen[bytes]

    @classmethod
    def guard(cls, environ: MutableMapping[str, str]) -> Self:
        """Put a fresh mark into the environment that children inherit, and start the watchdog."""
        mark = uuid.uuid4().hex
        command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), mark]
        watchdog = subprocess.Popen(
            command,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        environ[MARK] = mark
        environ[_KEEP_ENVIRON] = "1"
        return cls(mark, watchdog)

    def end(self) -> None:
        """End what is left of the processes, and the watchdog; idempotent."""
        end_marked(self.mark)
        self.watchdog.kill()
        self.watchdog.wait()


def marked_processes(mark: str, *, proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of the processes that were started with this mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return sorted(found)


def end_marked(mark: str) -> list[int]:
    """Kill every process with the mark, except this one; return their ids."""
    found = [pid for pid in marked_processes(mark) if pid != os.getpid()]
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return found


def wait_for_end(pid: int) -> None:
    """Block until the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


def main() -> None:
    """Wait for the owner, then end what it left; twice, for what was just being started."""
    owner, mark = int(sys.argv[1]), sys.argv[2]
    wait_for_end(owner)
    while end_marked(mark):
        select.select([], [], [], 0.2)


if __name__ == "__main__":
    main()
