"""`python -m cluster.jobs.attempt FOLDER ATTEMPT MODULE ARGUMENT...`: one attempt of a job, alone for its whole life.

The kernel's lock on the folder goes with this process, and everything below it carries the folder in its environment:
an attempt that finds a ghost of an earlier one (a killed head leaves such) ends it, and one that finds a later one gives
way. A result that lies there is never made again.
"""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cluster.jobs.folders import JobFolder
from cluster.jobs.types import Ended
from cluster.programs import LOST, SAID_WHY, ProgramError, run_module, write_result
from naviyam.errors import ConflictError

MARK = "NAVIYAM_JOB_FOLDER"
_PATIENCE_S = 30.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    """Who holds a folder, as its lock says."""

    pid: int
    attempt: int


def run(
    folder: JobFolder,
    attempt: int,
    module: str,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
) -> int:
    """Run the attempt to its end; return its exit code. The folder holds what became of it."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.lock_path.open("a+", encoding="utf-8") as lock:
        try:
            _alone(folder, lock, attempt)
        except ConflictError as e:
            sys.stderr.write(f"error: {e}\n")
            return LOST
        if folder.result_path.exists():
            return 0
        return _run(folder, attempt, module, arguments, environ)


def _run(
    folder: JobFolder,
    attempt: int,
    module: str,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
) -> int:
    before = _oom_kills()
    with folder.log_path(attempt).open("a", encoding="utf-8", buffering=1) as log:

        def say(line: str) -> None:
            log.write(line + "\n")
            print(line, flush=True)  # noqa: T201

        try:
            result = run_module(
                module, arguments, say=say, environ={**environ, MARK: str(folder.path)}
            )
        except ProgramError as e:
            words = str(e)
            if e.code == -signal.SIGKILL and _oom_kills() > before:
                words += "\nthe kernel ended a process for memory (oom-kill)"
            log.write(words + "\n")
            sys.stderr.write(f"error: {words}\n")
            folder.write_end(attempt, Ended(code=e.code, words=words))
            return SAID_WHY if e.final else LOST
        finally:
            _end_children(folder)
    write_result(folder.result_path, result)
    return 0


def _alone(folder: JobFolder, lock: IO[str], attempt: int) -> None:
    """Take the folder's lock, end ghosts of earlier attempts, and write who holds it.

    Raises:
        ConflictError: a later attempt was here, or a ghost does not end.
    """
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        taken = _try(lock)
        holder = _holder(lock)
        if holder is not None and holder.attempt > attempt:
            raise ConflictError(
                f"attempt {attempt} comes after attempt {holder.attempt} of {folder.path.name}; it gives way"
            )
        if taken and not _end_children(folder):
            break
        if not taken and holder is not None and _is_attempt(holder.pid, folder):
            _kill(holder.pid)
        if time.monotonic() > deadline_s:
            raise ConflictError(
                f"another attempt of {folder.path.name} does not end within {_PATIENCE_S:.0f} s"
            )
        time.sleep(_POLL_S)
    lock.seek(0)
    lock.truncate()
    json.dump({"pid": os.getpid(), "attempt": attempt}, lock)
    lock.flush()
    os.fsync(lock.fileno())


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: IO[str]) -> _Holder | None:
    lock.seek(0)
    try:
        held = json.loads(lock.read())
        return _Holder(pid=int(held["pid"]), attempt=int(held["attempt"]))
    except (ValueError, KeyError, TypeError):
        return None  # nobody was here yet, or it died while it wrote


def _is_attempt(pid: int, folder: JobFolder) -> bool:
    """Return whether the process is an attempt of this job: a number may belong to something else by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return (
        pid != os.getpid()
        and b"cluster.jobs.attempt" in words
        and str(folder.path).encode() in words
    )


def _end_children(folder: JobFolder) -> int:
    """Kill what attempts left running, this one or earlier ones; return how many there were."""
    mark = f"{MARK}={folder.path}".encode()
    found = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            carried = (entry / "environ").read_bytes().split(b"\0")
            gone = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if mark in carried and not gone:
            _kill(int(entry.name))
            found += 1
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _oom_kills() -> int:
    """Return how many processes this machine's kernel has ended for memory."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def main() -> int:
    """Read the command line and run."""
    path, attempt, module, *arguments = sys.argv[1:]
    return run(JobFolder(path=Path(path)), int(attempt), module, tuple(arguments), os.environ)


if __name__ == "__main__":
    sys.exit(main())
