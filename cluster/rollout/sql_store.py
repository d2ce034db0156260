"""Experiments in a database: SQLite on one machine, PostgreSQL on many. The rules are the database's: unique, compared, in one transaction."""

import json
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from cluster.rollout.experiment import OPEN, Experiment, State
from cluster.rollout.store import Entry, Note, changed, taken, traffic_of, unknown
from cluster.rollout.traffic import Traffic
from naviyam.errors import ConflictError

_metadata = MetaData()
_experiments = Table(
    "experiments",
    _metadata,
    Column("id", String(160), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("layer", String(32), nullable=False),
    Column("state", String(32), nullable=False),
    Column("content", Text, nullable=False),
)
_open = _experiments.c.state.in_(sorted(s.value for s in OPEN))
Index(
    "one_open_experiment_a_layer",
    _experiments.c.layer,
    unique=True,
    sqlite_where=_open,
    postgresql_where=_open,
)
_history = Table(
    "experiment_history",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("experiment", String(160), nullable=False, index=True),
    Column("state", String(32), nullable=False),
    Column("weight", String(32), nullable=False),
    Column("what", String(32), nullable=False),
    Column("who", String(160), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", String(40), nullable=False),
    Column("evidence", Text, nullable=False),
    sqlite_autoincrement=True,
)


class SqlExperiments:
    """Implements `Experiments` over an engine; makes its tables where they are missing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def all(self) -> tuple[Experiment, ...]:
        with self._engine.connect() as connection:
            return _all(connection)

    def get(self, experiment: str) -> Experiment:
        with self._engine.connect() as connection:
            return _get(connection, experiment)

    def add(self, experiment: Experiment, note: Note) -> None:
        try:
            with self._engine.begin() as connection:
                _alone(connection)
                last = connection.execute(select(func.max(_experiments.c.number))).scalar() or 0
                connection.execute(
                    insert(_experiments).values(
                        id=experiment.id, number=last + 1, **_columns(experiment)
                    )
                )
                _write(connection, experiment, note)
        except IntegrityError as e:
            raise self._refused(experiment) from e

    def change(self, before: Experiment, after: Experiment, note: Note) -> None:
        try:
            with self._engine.begin() as connection:
                _alone(connection)
                held = _experiments.c
                done = connection.execute(
                    update(_experiments)
                    .where(held.id == before.id, held.content == _columns(before)["content"])
                    .values(**_columns(after))
                )
                if done.rowcount != 1:
                    _get(connection, before.id)
                    raise changed(before.id)
                _write(connection, after, note)
        except IntegrityError as e:
            raise self._refused(after) from e

    def note(self, experiment: str, note: Note) -> None:
        with self._engine.begin() as connection:
            _alone(connection)
            _write(connection, _get(connection, experiment), note)

    def history(self, experiment: str) -> tuple[Entry, ...]:
        query = (
            select(_history).where(_history.c.experiment == experiment).order_by(_history.c.number)
        )
        with self._engine.connect() as connection:
            _get(connection, experiment)
            return tuple(
                Entry(
                    number=row.number,
                    experiment=row.experiment,
                    state=State(row.state),
                    weight=float(row.weight),
                    note=Note(
                        what=row.what,
                        who=row.who,
                        why=row.why,
                        at=datetime.fromisoformat(row.at),
                        evidence=json.loads(row.evidence),
                    ),
                )
                for row in connection.execute(query)
            )

    def traffic(self) -> Traffic:
        # The number first: a table may be newer than its number, which only means that it is sent once more.
        with self._engine.connect() as connection:
            revision = connection.execute(select(func.max(_history.c.number))).scalar() or 0
            return traffic_of(_all(connection), revision=revision)

    def _refused(self, experiment: Experiment) -> ConflictError:
        for other in self.all():
            if other.layer == experiment.layer and other.state in OPEN:
                return taken(experiment.layer, other.id)
        return ConflictError(
            f"an experiment {experiment.id} exists or began at the same time; try again"
        )


def _alone(connection: Connection) -> None:
    """Let writers take turns, so that numbers are seen in their order; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE"))


def _columns(experiment: Experiment) -> dict[str, str]:
    content = json.dumps(experiment.to_dict(), ensure_ascii=False, sort_keys=True)
    return {"layer": experiment.layer, "state": experiment.state.value, "content": content}


def _all(connection: Connection) -> tuple[Experiment, ...]:
    rows = connection.execute(select(_experiments.c.content).order_by(_experiments.c.number))
    return tuple(Experiment.parse(json.loads(row.content)) for row in rows)


def _get(connection: Connection, experiment: str) -> Experiment:
    found = connection.execute(
        select(_experiments.c.content).where(_experiments.c.id == experiment)
    ).scalar()
    if found is None:
        raise unknown(experiment, {e.id: e for e in _all(connection)})
    return Experiment.parse(json.loads(found))


def _write(connection: Connection, experiment: Experiment, note: Note) -> None:
    connection.execute(
        insert(_history).values(
            experiment=experiment.id,
            state=experiment.state.value,
            weight=repr(experiment.weight),
            what=note.what,
            who=note.who,
            why=note.why,
            at=note.at.isoformat(),
            evidence=json.dumps(note.evidence, ensure_ascii=False, default=str),
        )
    )
