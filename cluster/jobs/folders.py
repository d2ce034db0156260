"""A job's folder below the state: result, ends and logs of its attempts, the lock of the one that lives.

`<state>/jobs/<job>/result.json`, `end-<n>.json`, `attempt-<n>.log`, `lock`. It outlives Ray's session. On a cluster
of several machines the state must lie on storage that all of them share.
"""

import fcntl
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from cluster.jobs.types import Ended, Job
from cluster.programs import write_result
from naviyam.errors import ArtifactError
from naviyam.ids import check_id
from naviyam.settings import Settings


class Process(StrEnum):
    """What is known of an attempt's process without asking the cluster."""

    NOT_BEGUN = "not begun"
    ALIVE = "alive"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFolder:
    """One job's folder."""

    path: Path

    @classmethod
    def of(cls, settings: Settings, job_id: str) -> "JobFolder":
        """Return the folder of a job."""
        name = check_id(job_id, field="job")
        return cls(path=settings.paths.state.resolve() / "jobs" / name)

    @property
    def result_path(self) -> Path:
        """What the job leaves when it succeeds."""
        return self.path / "result.json"

    @property
    def lock_path(self) -> Path:
        """Held by the living attempt."""
        return self.path / "lock"

    def log_path(self, attempt: int) -> Path:
        """What an attempt said."""
        return self.path / f"attempt-{attempt}.log"

    def result(self) -> dict[str, Any] | None:
        """Return what the job left, None before it succeeded.

        Raises:
            ArtifactError: it cannot be read.
        """
        return _read(self.result_path)

    def ended(self, attempt: int) -> Ended | None:
        """Return what an attempt wrote of its failure, None where it wrote nothing."""
        held = _read(self._end_path(attempt))
        return None if held is None else Ended(code=int(held["code"]), words=str(held["words"]))

    def write_end(self, attempt: int, ended: Ended) -> None:
        """Write that an attempt failed."""
        write_result(self._end_path(attempt), {"code": ended.code, "words": ended.words})

    def process(self, attempt: int) -> "Process":
        """Return how the attempt's process does, by the lock that the kernel takes from the dead."""
        try:
            with self.lock_path.open(encoding="utf-8") as lock:
                held = json.loads(lock.read() or "{}")
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, ValueError):
            return Process.NOT_BEGUN
        except BlockingIOError:
            return Process.ALIVE
        return Process.GONE if held.get("attempt", 0) >= attempt else Process.NOT_BEGUN

    def log(self, attempt: int) -> str:
        """Return what an attempt said, "" where it has not begun or its log has expired."""
        try:
            return self.log_path(attempt).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _end_path(self, attempt: int) -> Path:
        return self.path / f"end-{attempt}.json"


def expire(settings: Settings, ended: tuple[Job, ...], now: datetime) -> int:
    """Remove folders of jobs that ended more than `jobs.keep_logs_days` ago; return how many. Idempotent."""
    limit = now - timedelta(days=settings.jobs.keep_logs_days)
    removed = 0
    for job in ended:
        folder = JobFolder.of(settings, job.id).path
        if job.ended and job.ended_at is not None and job.ended_at < limit and folder.is_dir():
            shutil.rmtree(folder)
            removed += 1
    return removed


def _read(path: Path) -> dict[str, Any] | None:
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as e:
        raise ArtifactError(f"{path} is no JSON ({e}); remove it to run the job again") from e
    return held
