"""Tables of the control plane's database, the same on SQLite and PostgreSQL, and the way between rows and values."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cluster.jobs.states import JobEvent, JobState
from cluster.jobs.types import Change, ErrorKind, Job, JobSpec, Retry

METADATA = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """An aware time as microseconds since 1970, exact on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        whole = value.astimezone(UTC)
        return int(whole.replace(microsecond=0).timestamp()) * 1_000_000 + whole.microsecond

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )


JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("dedup_key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("batch_scale", sa.Float, nullable=False),
    sa.Column("submitted_at", Moment, nullable=False),
    sa.Column("not_before", Moment),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("error", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("waits_for", sa.Text, nullable=False),
    sa.Column("cancel", sa.Text, nullable=False),
)
HISTORY = sa.Table(
    "job_history",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.Text, sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("event", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
DOCUMENTS = sa.Table(
    "documents",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", Moment, nullable=False),
)
_OWN: tuple[str, ...] = ("state", "attempt", "batch_scale", "not_before", "started_at", "ended_at")
_OWN += ("error", "reason", "waits_for", "cancel")


def row_of(job: Job) -> dict[str, Any]:
    """Return a job's row."""
    own = {name: getattr(job, name) for name in _OWN}
    return {
        "id": job.id,
        "number": job.number,
        "kind": job.spec.kind,
        "spec": dump_spec(job.spec),
        "dedup_key": job.spec.dedup_key,
        "submitted_at": job.submitted_at,
        **own,
        "state": job.state.value,
        "error": job.error and job.error.value,
    }


def job_of(row: Mapping[str, Any]) -> Job:
    """Return the job of a row."""
    own = {name: row[name] for name in _OWN}
    return Job(
        id=row["id"],
        number=row["number"],
        spec=load_spec(row["spec"]),
        submitted_at=row["submitted_at"],
        **{
            **own,
            "state": JobState(row["state"]),
            "error": None if row["error"] is None else ErrorKind(row["error"]),
        },
    )


def change_of(row: Mapping[str, Any]) -> Change:
    """Return one step of a job's history."""
    return Change(
        at=row["at"],
        job=row["job"],
        event=None if row["event"] is None else JobEvent(row["event"]),
        state=JobState(row["state"]),
        attempt=row["attempt"],
        reason=row["reason"],
    )


def dump_spec(spec: JobSpec) -> str:
    """Return a spec as JSON."""
    return json.dumps({f.name: getattr(spec, f.name) for f in fields(JobSpec)}, ensure_ascii=False)


def load_spec(text: str) -> JobSpec:
    """Return the spec that `dump_spec` wrote."""
    held = json.loads(text)
    lists = {name: tuple(held[name]) for name in ("arguments", "after")}
    return JobSpec(**{**held, **lists, "retry": Retry(held["retry"])})
