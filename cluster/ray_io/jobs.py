"""Ray jobs: run a program as one, and find it again after a break. The job's result is a file that it leaves.

Submission is not idempotent in Ray (a second one under the same id is an error), so it is looked for first.
"""

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from cluster.programs import SAID_WHY, ProgramError, StepLostError


class JobFailedError(StepLostError):
    """A job failed or was stopped; the message holds its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """Runs programs as Ray jobs of the cluster behind `address` (its dashboard).

    Args:
        address: such as `http://127.0.0.1:8265`.
        environ: variables of the job's process (PYTHONPATH, where the project is not installed).
        attempts: how often a job that the cluster lost is begun anew.
        say: takes lines of progress.
    """

    address: str
    environ: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 3
    poll_s: float = 1.0
    patience_s: float = 120.0
    say: Callable[[str], None] = lambda line: None

    def run(self, step: str, folder: Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
        """Run a program as a job, or adopt the job that runs it already, and wait for its end.

        Raises:
            ProgramError: the program said why it cannot.
            JobFailedError: the cluster lost it `attempts` times, or does not answer.
        """
        result = (folder / "results" / f"{step}.json").resolve()
        stem = f"{folder.name}-{step}".replace(" ", "_")
        words = ""
        for _ in range(self.attempts):
            if result.is_file():
                break
            job = self._asked(lambda client: next_job(stem, client.list_jobs()))
            self.submit(job, result, module, arguments, metadata={"step": step})
            self.say(f"  {step}: job {job}")
            code, words = self._wait(job)
            if code == SAID_WHY:
                raise ProgramError(f"job {job} failed:\n{words}", code=code)
        if not result.is_file():
            raise JobFailedError(f"step {step} was lost {self.attempts} times:\n{words}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return found

    def submit(
        self,
        job: str,
        result: Path,
        module: str,
        arguments: Sequence[str],
        *,
        metadata: Mapping[str, str],
    ) -> str:
        """Begin a program as the job `job` that leaves `result`, and return its name at once; a known name is not begun again."""
        program = [sys.executable, "-m", "cluster.programs", str(result), module, *arguments]

        def begin(client: JobSubmissionClient) -> None:
            if any(found.submission_id == job for found in client.list_jobs()):
                return
            client.submit_job(
                entrypoint=f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(program)}",
                submission_id=job,
                runtime_env={"env_vars": dict(self.environ)},
                metadata={**metadata, "result": str(result)},
                entrypoint_num_cpus=0,
            )

        self._asked(begin)
        return job

    def _wait(self, job: str) -> tuple[int | None, str]:
        """Wait until a job has ended; return its exit code, None where it was lost, and its last words."""
        while True:
            status = self._asked(partial(_status, job))
            if status is None:
                return None, "the cluster does not know the job any more"
            if status.is_terminal():
                break
            time.sleep(self.poll_s)
        if status == JobStatus.SUCCEEDED:
            return 0, ""
        info = self._asked(lambda client: client.get_job_info(job))
        logs: str = self._asked(lambda client: client.get_job_logs(job))
        words = "\n".join([info.message or "", *logs.strip().splitlines()[-8:]])
        return info.driver_exit_code, words

    def _asked(self, question: Callable[[JobSubmissionClient], Any]) -> Any:
        """Ask the cluster; one that restarts is waited for.

        Raises:
            JobFailedError: it did not answer for `patience_s`.
        """
        deadline_s = time.monotonic() + self.patience_s
        while True:
            try:
                return question(JobSubmissionClient(self.address))
            except (OSError, RuntimeError) as e:  # requests' errors are OSErrors
                if time.monotonic() > deadline_s:
                    raise JobFailedError(
                        f"the cluster at {self.address} did not answer for {self.patience_s:.0f} s: {e}"
                    ) from e
                time.sleep(self.poll_s)


def run_entrypoint(address: str, entrypoint: str, *, timeout_s: float = 120) -> str:
    """Run a shell command as a Ray job without a CPU of its own and return the job's name when it has ended well.

    Raises:
        JobFailedError: the cluster does not answer, or the job failed or takes longer.
    """
    deadline_s = time.monotonic() + timeout_s
    try:
        client = JobSubmissionClient(address)
        job: str = client.submit_job(entrypoint=entrypoint, entrypoint_num_cpus=0)
        while not (status := client.get_job_status(job)).is_terminal():
            if time.monotonic() > deadline_s:
                raise JobFailedError(f"job {job} has not ended after {timeout_s:.0f} s")
            time.sleep(1.0)
        if status != JobStatus.SUCCEEDED:
            words = "\n".join(client.get_job_logs(job).strip().splitlines()[-8:])
            raise JobFailedError(f"job {job} ended as {status}:\n{words}")
    except (OSError, RuntimeError) as e:
        if isinstance(e, JobFailedError):
            raise
        raise JobFailedError(f"the cluster at {address} does not take jobs: {e}") from e
    return job


def next_job(stem: str, jobs: Iterable[JobDetails]) -> str:
    """Return the job of a step to wait for: the one that runs, else a new one after those that ended."""
    ended = 0
    for found in jobs:
        head, _, number = (found.submission_id or "").rpartition("-")
        if head == stem and number.isdigit():
            if not found.status.is_terminal():
                return f"{stem}-{number}"
            ended = max(ended, int(number))
    return f"{stem}-{ended + 1}"


def _status(job: str, client: JobSubmissionClient) -> JobStatus | None:
    """Return a job's status, None for one that the cluster does not know."""
    return next((j.status for j in client.list_jobs() if j.submission_id == job), None)
