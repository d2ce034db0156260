"""Acts in the control plane's database, SQLite or PostgreSQL."""

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cluster.audit.entry import Act, Entry, Facts, Outcome, no_act
from naviyam.errors import NaviyamError

_METADATA = sa.MetaData()
_AUDIT = sa.Table(
    "audit",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("who", sa.String(160), nullable=False),
    sa.Column("said_by", sa.String(160), nullable=False),
    sa.Column("what", sa.String(64), nullable=False),
    sa.Column("target", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("ended_at", sa.String(40)),
    sqlite_autoincrement=True,
)
_NOTHING: Facts = {}


class AuditError(NaviyamError, RuntimeError):
    """The database cannot take an act, so that it must not be done."""


class SqlAudit:
    """Implements `Audit` over an engine; makes its table where it is missing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def begin(self, act: Act) -> int:
        row = sa.insert(_AUDIT).values(
            at=act.at.isoformat(),
            who=act.who[:160],
            said_by=act.said_by[:160],
            what=act.what[:64],
            target=act.target[:200],
            why=act.why,
            before=_dump(act.before),
            after="{}",
            outcome="begun",
            words="",
        )
        try:
            with self._engine.begin() as connection:
                made = connection.execute(row).inserted_primary_key
        except SQLAlchemyError as e:
            raise AuditError(f"{act.what} was not done: the audit cannot be written ({e})") from e
        assert made is not None
        return int(made[0])

    def end(
        self,
        number: int,
        *,
        outcome: Outcome,
        at: datetime,
        after: Facts = _NOTHING,
        words: str = "",
    ) -> None:
        change = (
            sa.update(_AUDIT)
            .where(_AUDIT.c.number == number)
            .values(outcome=outcome, after=_dump(after), words=words, ended_at=at.isoformat())
        )
        with self._engine.begin() as connection:
            if connection.execute(change).rowcount != 1:
                raise no_act(number)

    def entries(self, *, limit: int, below: int | None = None) -> tuple[Entry, ...]:
        wanted = sa.select(_AUDIT).order_by(_AUDIT.c.number.desc()).limit(limit)
        if below is not None:
            wanted = wanted.where(_AUDIT.c.number < below)
        with self._engine.connect() as connection:
            return tuple(_entry(row) for row in connection.execute(wanted))


def _entry(row: Any) -> Entry:
    return Entry(
        number=row.number,
        act=Act(
            at=datetime.fromisoformat(row.at),
            who=row.who,
            said_by=row.said_by,
            what=row.what,
            target=row.target,
            why=row.why,
            before=json.loads(row.before),
        ),
        outcome=row.outcome,
        after=json.loads(row.after),
        words=row.words,
        ended_at=row.ended_at and datetime.fromisoformat(row.ended_at),
    )


def _dump(facts: Facts) -> str:
    return json.dumps(dict(facts), ensure_ascii=False, default=str)
