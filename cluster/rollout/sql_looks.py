"""Looks at experiments in the control plane's database: a point for each, the newest whole."""

import json

import sqlalchemy as sa

from cluster.rollout.looks import Look, Point, stride

_METADATA = sa.MetaData()
_POINTS = sa.Table(
    "experiment_looks",
    _METADATA,
    sa.Column("experiment", sa.String(160), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
_LAST = sa.Table(
    "experiment_last_looks",
    _METADATA,
    sa.Column("experiment", sa.String(160), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)


class SqlLooks:
    """Implements `Looks` over an engine; makes its tables where they are missing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def keep(self, look: Look) -> None:
        mine = _LAST.c.experiment == look.experiment
        with self._engine.begin() as connection:
            number = _count(connection, look.experiment) + 1
            connection.execute(
                sa.insert(_POINTS).values(
                    experiment=look.experiment, number=number, content=_dump(look.point())
                )
            )
            connection.execute(sa.delete(_LAST).where(mine))
            connection.execute(
                sa.insert(_LAST).values(experiment=look.experiment, content=_dump(look))
            )

    def last(self, experiment: str) -> Look | None:
        wanted = sa.select(_LAST.c.content).where(_LAST.c.experiment == experiment)
        with self._engine.connect() as connection:
            found = connection.execute(wanted).scalar()
        return None if found is None else Look.parse(json.loads(found))

    def series(self, experiment: str, *, limit: int) -> tuple[Point, ...]:
        with self._engine.connect() as connection:
            count = _count(connection, experiment)
            step = stride(count, limit)
            wanted = (
                sa.select(_POINTS.c.content)
                .where(_POINTS.c.experiment == experiment)
                .where(sa.or_((_POINTS.c.number - 1) % step == 0, _POINTS.c.number == count))
                .order_by(_POINTS.c.number)
            )
            return tuple(Point.parse(json.loads(row.content)) for row in connection.execute(wanted))


def _count(connection: sa.Connection, experiment: str) -> int:
    last = sa.select(sa.func.max(_POINTS.c.number)).where(_POINTS.c.experiment == experiment)
    return connection.execute(last).scalar() or 0


def _dump(held: Look | Point) -> str:
    return json.dumps(held.to_dict(), ensure_ascii=False, default=str)
