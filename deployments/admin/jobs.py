"""`/admin/jobs`: the queue over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cluster.jobs.commands import foreign, foreign_row
from deployments.admin.acts import Acts
from deployments.admin.open import Control

_WHO = "admin api"


class JobIn(BaseModel):
    """A job to be queued."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=40)
    arguments: list[str] = Field(default_factory=list, max_length=64)
    priority: int = 0
    after: list[str] = Field(default_factory=list, max_length=50)
    deadline_s: float | None = Field(None, gt=0)
    retry: bool = True
    key: str = Field("", max_length=128)
    who: str = Field(_WHO, max_length=64)


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/jobs")

    @router.get("")
    def list_jobs(limit: int = 50) -> dict[str, Any]:
        """List jobs, the newest first, and those that others gave to Ray."""
        jobs = [job.to_dict() for job in control.jobs.store.jobs(limit=max(1, min(limit, 1_000)))]
        others, unknown = foreign(control.runs)
        return {"jobs": [*jobs, *map(foreign_row, others)], "foreign_unknown": unknown}

    @router.post("", status_code=202)
    def submit(body: JobIn, act: Acts) -> dict[str, Any]:
        """Put a job into the queue."""
        asked = {"kind": body.kind, "arguments": body.arguments, "priority": body.priority}
        act.begin("job.submit", target=body.kind, said_by=body.who, before=asked)
        job = control.jobs.submit(
            body.kind,
            body.arguments,
            who=body.who,
            priority=body.priority,
            after=body.after,
            deadline_s=body.deadline_s,
            retries=body.retry,
            dedup_key=body.key,
        )
        act.became({"job": job.id, "state": job.state.value})
        return job.to_dict()

    @router.get("/{job_id}")
    def show(job_id: str) -> dict[str, Any]:
        """Return a job, its history and its result."""
        return control.jobs.describe(job_id)

    @router.get("/{job_id}/logs")
    def logs(
        job_id: str,
        attempt: int | None = None,
        last: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    ) -> dict[str, Any]:
        """Return what an attempt said, the last one by default; of it the `last` lines, by default all."""
        text = control.jobs.logs(job_id, attempt, control.runs)
        if last is not None:
            text = "".join(text.splitlines(keepends=True)[-last:])
        return {"job": job_id, "log": text}

    @router.delete("/{job_id}", status_code=202)
    def cancel(job_id: str, act: Acts, why: str = "", who: str = _WHO) -> dict[str, Any]:
        """Ask for a job's end."""
        before = {"state": control.store.job(job_id).state.value}
        act.begin("job.cancel", target=job_id, said_by=who, why=why, before=before)
        job = control.jobs.cancel(job_id, who=who, why=why)
        act.became({"state": job.state.value, "cancel": job.cancel})
        return job.to_dict()

    return router
