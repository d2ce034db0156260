"""`Runs` over Ray's job REST interface (the dashboard): look, submit under a fixed id, stop, logs. Plain HTTP, no Ray import.

Submission is not idempotent in Ray (a known id is an HTTP 500), so it is looked for first.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from cluster.jobs.runs import ClusterError
from cluster.jobs.types import Run, RunState
from naviyam.settings import JobPlace

_ROUTE = "/api/jobs/"
_SUBMISSION = "SUBMISSION"
_ON_HEAD = JobPlace()


@dataclass(frozen=True, slots=True, kw_only=True)
class RayRuns:
    """Submissions of the Ray cluster behind `address` (its dashboard), such as `http://127.0.0.1:8265`.

    `places` says for kinds of jobs what they take of a node; Ray then chooses one that has it, else the head.
    """

    address: str
    places: Mapping[str, JobPlace] = field(default_factory=dict)
    timeout_s: float = 10.0
    submit_timeout_s: float = 60.0
    """Ray answers when its agent has the job, which takes seconds on a busy machine."""

    def look(self) -> Mapping[str, Run]:
        found = self._call("GET", "").json()
        runs = (run_of(each) for each in found if each.get("type") == _SUBMISSION)
        return {run.submission: run for run in runs}

    def submit(
        self,
        submission: str,
        command: tuple[str, ...],
        *,
        root: Path,
        metadata: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        if submission in self.look():
            return
        place = self.places.get(metadata.get("kind", ""), _ON_HEAD)
        body = {
            "entrypoint": f"cd {shlex.quote(str(root))} && exec {shlex.join(command)}",
            "submission_id": submission,
            "runtime_env": {"env_vars": dict(environ)},
            "metadata": dict(metadata),
            "entrypoint_num_cpus": place.num_cpus,
            **({"entrypoint_num_gpus": place.num_gpus} if place.num_gpus else {}),
            **({"entrypoint_resources": dict(place.resources)} if place.resources else {}),
        }
        self._call("POST", "", json=body, timeout=self.submit_timeout_s)

    def stop(self, submission: str) -> None:
        self._call("POST", f"{quote(submission, safe='')}/stop", missing_is_fine=True)

    def log(self, submission: str) -> str:
        answer = self._call("GET", f"{quote(submission, safe='')}/logs", missing_is_fine=True)
        return str(answer.json().get("logs") or "") if answer.is_success else ""

    def _call(
        self, method: str, path: str, *, missing_is_fine: bool = False, **how: Any
    ) -> httpx.Response:
        how = {"timeout": self.timeout_s, **how}
        try:
            answer = httpx.request(method, f"{self.address}{_ROUTE}{path}", trust_env=False, **how)
        except httpx.HTTPError as e:
            raise ClusterError(
                f"Ray at {self.address} does not answer ({type(e).__name__}); is it up? `naviyam up` starts it"
            ) from e
        if answer.is_success or (missing_is_fine and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        raise ClusterError(
            f"Ray at {self.address} answered {answer.status_code} to {method} {_ROUTE}{path}: "
            f"{answer.text[-500:]}"
        )


def run_of(found: Mapping[str, Any]) -> Run:
    """Return a submission of Ray's answer."""
    return Run(
        submission=str(found["submission_id"]),
        state=RunState(str(found["status"]).lower()),
        exit_code=found.get("driver_exit_code"),
        message=str(found.get("message") or ""),
        entrypoint=str(found.get("entrypoint") or ""),
        metadata=dict(found.get("metadata") or {}),
        started_at=_time(found.get("start_time")),
        ended_at=_time(found.get("end_time")),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if not milliseconds else datetime.fromtimestamp(milliseconds / 1000, UTC)
