"""The control plane's memory in a database: SQLite (one machine, WAL) or PostgreSQL (several).

A write is one transaction that begins with the lock of what it changes (SQLite: the whole file), so that limits and
compare-and-set hold between processes. Tables: `tables`.
"""

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import SQLAlchemyError

from cluster.database import database_url, engine_of
from cluster.jobs.states import ENDED, JobEvent, JobState, after
from cluster.jobs.store import Document, StoreError, job_id, no_job, queue_full
from cluster.jobs.tables import (
    DOCUMENTS,
    HISTORY,
    JOBS,
    LEASES,
    METADATA,
    change_of,
    job_of,
    row_of,
)
from cluster.jobs.types import Job, JobSpec
from naviyam.settings import Settings

_QUEUE_LOCK = "lock:queue"
_ENDED = tuple(state.value for state in ENDED)


class SqlStore:
    """`Store` over SQLAlchemy Core. Safe in threads and beside other processes.

    Args:
        url: of SQLAlchemy, such as `sqlite:////var/naviyam/control.db` or `postgresql+psycopg://user@host/db`.
        salt: gives the last part of a job's id.
    """

    def __init__(self, url: str, salt: Callable[[], str] = lambda: secrets.token_hex(2)) -> None:
        self._salt = salt
        self._engine = engine_of(url)
        self.where = self._engine.url.render_as_string(hide_password=True)
        with self._writing() as connection:
            METADATA.create_all(connection)
            _lock(connection, _QUEUE_LOCK)

    @classmethod
    def of(cls, settings: Settings) -> "SqlStore":
        """Return the installation's store; the tables are made where they are missing."""
        return cls(database_url(settings))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def submit(self, spec: JobSpec, *, now: datetime, max_queued: int) -> Job:
        with self._writing() as connection:
            _lock(connection, _QUEUE_LOCK)
            if spec.dedup_key:
                same = sa.and_(JOBS.c.dedup_key == spec.dedup_key, JOBS.c.state.not_in(_ENDED))
                if (row := connection.execute(sa.select(JOBS).where(same)).first()) is not None:
                    return job_of(row._asdict())
            for needed in spec.after:
                _find(connection, needed)
            waiting = sa.select(sa.func.count()).where(JOBS.c.state == JobState.QUEUED.value)
            if (queued := connection.execute(waiting).scalar_one()) >= max_queued:
                raise queue_full(queued, max_queued)
            last = connection.execute(sa.select(sa.func.max(JOBS.c.number))).scalar()
            number = (last or 0) + 1
            job = Job(
                id=job_id(spec.kind, number, self._salt()),
                number=number,
                spec=spec,
                state=JobState.QUEUED,
                submitted_at=now,
            )
            connection.execute(sa.insert(JOBS).values(row_of(job)))
            _remember(connection, job, None, now)
            return job

    def job(self, job_id: str) -> Job:
        with self._reading() as connection:
            return _find(connection, job_id)

    def jobs(
        self, *, states: frozenset[JobState] | None = None, limit: int = 500
    ) -> tuple[Job, ...]:
        wanted = sa.select(JOBS).order_by(JOBS.c.number.desc()).limit(limit)
        if states is not None:
            wanted = wanted.where(JOBS.c.state.in_(sorted(s.value for s in states)))
        with self._reading() as connection:
            return tuple(job_of(row._asdict()) for row in connection.execute(wanted))

    def move(
        self, job: Job, event: JobEvent, *, now: datetime, changes: Mapping[str, Any] | None = None
    ) -> Job | None:
        state = after(job.state, event)
        with self._writing() as connection:
            held = _find(connection, job.id, lock=True)
            if (held.state, held.attempt) != (job.state, job.attempt):
                return None
            moved = replace(held, **{"waits_for": "", **(changes or {}), "state": state})
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job.id).values(row_of(moved)))
            _remember(connection, moved, event, now)
            return moved

    def note(self, job_id: str, waits_for: str) -> None:
        with self._writing() as connection:
            connection.execute(
                sa.update(JOBS).where(JOBS.c.id == job_id).values(waits_for=waits_for)
            )

    def ask_cancel(self, job_id: str, why: str) -> Job:
        with self._writing() as connection:
            job = _find(connection, job_id, lock=True)
            if job.ended or job.cancel:
                return job
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(cancel=why))
            return replace(job, cancel=why)

    def history(self, job_id: str) -> tuple[Any, ...]:
        wanted = sa.select(HISTORY).where(HISTORY.c.job == job_id).order_by(HISTORY.c.number)
        with self._reading() as connection:
            _find(connection, job_id)
            return tuple(change_of(row._asdict()) for row in connection.execute(wanted))

    def read(self, name: str) -> Document:
        with self._reading() as connection:
            return _document(connection, name)

    def change(self, name: str, edit: Callable[[Document], Document]) -> Document:
        with self._writing() as connection:
            _lock(connection, name)
            document = edit(_document(connection, name))
            content = json.dumps(document, ensure_ascii=False)
            connection.execute(
                sa.update(DOCUMENTS).where(DOCUMENTS.c.name == name).values(content=content)
            )
            return json.loads(content)  # type: ignore[no-any-return]

    def acquire(self, name: str, holder: str, *, now: datetime, ttl_s: float) -> bool:
        until = now + timedelta(seconds=ttl_s)
        mine = sa.or_(LEASES.c.holder == holder, LEASES.c.until <= now)
        with self._writing() as connection:
            _lock(connection, f"lock:{name}")
            taken = connection.execute(
                sa.update(LEASES)
                .where(LEASES.c.name == name, mine)
                .values(holder=holder, until=until)
            )
            if taken.rowcount:
                return True
            if connection.execute(sa.select(LEASES).where(LEASES.c.name == name)).first():
                return False
            connection.execute(sa.insert(LEASES).values(name=name, holder=holder, until=until))
            return True

    def release(self, name: str, holder: str) -> None:
        with self._writing() as connection:
            connection.execute(
                sa.delete(LEASES).where(LEASES.c.name == name, LEASES.c.holder == holder)
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._named_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._named_errors(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as e:
            raise StoreError(
                f"the control plane's database {self.where} failed: {str(e).splitlines()[0]}; "
                "see jobs.database"
            ) from e


def _lock(connection: sa.Connection, name: str) -> None:
    """Hold a document's row until the transaction ends; the row is made where it is missing."""
    mine = DOCUMENTS.c.name == name
    while not connection.execute(sa.select(DOCUMENTS.c.name).where(mine).with_for_update()).first():
        insert = sa.insert(DOCUMENTS).values(name=name, content="{}")
        if connection.dialect.name == "postgresql":
            insert = pg_insert(DOCUMENTS).values(name=name, content="{}").on_conflict_do_nothing()
        connection.execute(insert)


def _find(connection: sa.Connection, job_id: str, *, lock: bool = False) -> Job:
    wanted = sa.select(JOBS).where(JOBS.c.id == job_id)
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise no_job(job_id)
    return job_of(row._asdict())


def _document(connection: sa.Connection, name: str) -> Document:
    found = connection.execute(sa.select(DOCUMENTS.c.content).where(DOCUMENTS.c.name == name))
    content = found.scalar()
    return {} if content is None else json.loads(content)


def _remember(connection: sa.Connection, job: Job, event: JobEvent | None, now: datetime) -> None:
    connection.execute(
        sa.insert(HISTORY).values(
            job=job.id,
            at=now,
            event=event and event.value,
            state=job.state.value,
            attempt=job.attempt,
            reason=job.reason,
        )
    )
