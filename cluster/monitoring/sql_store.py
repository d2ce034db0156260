"""`AlertStore` in the control plane's database (`cluster.database`). Times are ISO texts in UTC, which sort as they pass."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cluster.monitoring.alerts import Alert, AlertEvent, Level, Watch
from cluster.monitoring.source import Population
from cluster.monitoring.store import no_alert, told

_METADATA = sa.MetaData()
WATCHES = sa.Table(
    "alert_watches",
    _METADATA,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("population", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("severe", sa.Integer, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("alert_id", sa.Text),
    sa.Column("looked_at", sa.Text),
)
ALERTS = sa.Table(
    "alerts",
    _METADATA,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("statement", sa.Text, nullable=False),
    sa.Column("raised_at", sa.Text, nullable=False, index=True),
    sa.Column("cleared_at", sa.Text),
    sa.Column("acknowledged_at", sa.Text),
    sa.Column("acknowledged_by", sa.Text),
)
EVENTS = sa.Table(
    "alert_events",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("statement", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
CURSORS = sa.Table(
    "alert_cursors",
    _METADATA,
    sa.Column("reader", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
_TIMES = ("looked_at", "raised_at", "cleared_at", "acknowledged_at", "at")


class SqlAlertStore:
    """`AlertStore` over an engine of `cluster.database.open_engine`; makes its tables where they are missing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def watch(self, rule: str, population: Population) -> Watch:
        with self._engine.begin() as connection:
            row = _one(connection, WATCHES, rule=rule, population=population)
        return Watch(rule=rule, population=population) if row is None else Watch(**_values(row))

    def keep(self, watch: Watch, event: AlertEvent | None) -> AlertEvent | None:
        with self._engine.begin() as connection:
            _put(connection, WATCHES, _columns(asdict(watch)))
            if event is None:
                return None
            columns = _columns(asdict(event))
            columns.pop("number")
            made = connection.execute(sa.insert(EVENTS).values(columns))
            row = _one(connection, ALERTS, alert_id=event.alert_id)
            alert = told(None if row is None else Alert(**_values(row)), event)
            _put(connection, ALERTS, _columns(asdict(alert)))
        assert made.inserted_primary_key is not None
        return AlertEvent(**{**asdict(event), "number": made.inserted_primary_key[0]})

    def alerts(self, *, open_only: bool = False, limit: int = 100) -> tuple[Alert, ...]:
        query = sa.select(ALERTS).order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc())
        if open_only:
            query = query.where(ALERTS.c.cleared_at.is_(None))
        with self._engine.begin() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return tuple(Alert(**_values(dict(row))) for row in rows)

    def acknowledge(self, alert_id: str, *, by: str, at: datetime) -> Alert:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(ALERTS)
                .where(ALERTS.c.alert_id == alert_id, ALERTS.c.acknowledged_at.is_(None))
                .values(_columns({"acknowledged_at": at, "acknowledged_by": by}))
            )
            row = _one(connection, ALERTS, alert_id=alert_id)
        if row is None:
            raise no_alert(alert_id)
        return Alert(**_values(row))

    def events(self, after: int, *, limit: int = 100) -> tuple[AlertEvent, ...]:
        query = sa.select(EVENTS).where(EVENTS.c.number > after).order_by(EVENTS.c.number)
        with self._engine.begin() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return tuple(AlertEvent(**_values(dict(row))) for row in rows)

    def cursor(self, reader: str) -> int:
        with self._engine.begin() as connection:
            row = _one(connection, CURSORS, reader=reader)
        return 0 if row is None else int(row["number"])

    def advance(self, reader: str, number: int) -> None:
        with self._engine.begin() as connection:
            row = _one(connection, CURSORS, reader=reader)
            number = max(number, 0 if row is None else int(row["number"]))
            _put(connection, CURSORS, {"reader": reader, "number": number})


def _one(connection: sa.Connection, table: sa.Table, **key: Any) -> Mapping[str, Any] | None:
    """Return a row, locked until the transaction ends (SQLite's transactions are serial anyway)."""
    where = [table.c[name] == value for name, value in key.items()]
    found = connection.execute(sa.select(table).where(*where).with_for_update()).mappings().first()
    return None if found is None else dict(found)


def _put(connection: sa.Connection, table: sa.Table, columns: Mapping[str, Any]) -> None:
    keys = [column.name for column in table.primary_key]
    where = [table.c[name] == columns[name] for name in keys]
    changed = connection.execute(sa.update(table).where(*where).values(columns))
    if not changed.rowcount:
        connection.execute(sa.insert(table).values(columns))


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC).isoformat(timespec="microseconds")
        if isinstance(value, datetime)
        else int(value)
        if isinstance(value, Level)
        else value
        for name, value in values.items()
    }


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    times = {n: datetime.fromisoformat(row[n]) for n in _TIMES if row.get(n) is not None}
    level = {"level": Level(row["level"])} if "level" in row else {}
    return {**row, **times, **level}
