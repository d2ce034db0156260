"""Questions to the event log in SQL: DuckDB over the views `interactions` and `feedback`. Read only, no files, no network.

A view holds every acknowledged record once, Parquet and open segments alike, without forgotten users, and has the
columns of `schema.SCHEMAS`, then `dt` and `hour` of its partition. Times are in UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from naviyam.errors import ConflictError, InputError
from naviyam.feedback.reader import read_tombstones
from naviyam.feedback.schema import KEY_FIELD, SCHEMAS, SEGMENT, TABLES, to_table
from naviyam.feedback.store import EventStore, Hour

_T = TypeVar("_T")
Views = duckdb.DuckDBPyConnection
"""A connection that holds the views and reaches nothing else."""

_ATTEMPTS = 5
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_LOCK_DOWN = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET TimeZone = 'UTC'",
    "SET lock_configuration = true",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Columns and rows of an answer; `cut` where there were more rows than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


def query(store: EventStore, sql: str, *, limit: int) -> Answer:
    """Answer one SELECT.

    Raises:
        InputError: it is not one SELECT, or DuckDB cannot answer it; the message is DuckDB's.
        ConflictError: compaction kept replacing the files that were being read.
    """
    _check(sql)

    def cut(views: Views) -> pa.Table:
        return views.sql(sql).limit(limit + 1).to_arrow_table()

    table = reading(store, cut)
    columns = [column.to_pylist() for column in table.slice(0, limit).columns]
    return Answer(
        columns=tuple(table.column_names),
        rows=tuple(zip(*columns, strict=True)),
        cut=table.num_rows > limit,
    )


def reading(store: EventStore, work: Callable[[Views], _T], *, since: datetime | None = None) -> _T:
    """Return what `work` makes of the views; it asks as often as it likes, joins tables that it registers, and sees one state.

    `work` is called again where compaction replaced a file under it, so that it must not act outside. Files of hours that
    ended before `since` are not opened, so that a question about the last hour costs the same however old the log is.

    Raises:
        InputError, ConflictError: as `query`.
    """
    for _ in range(_ATTEMPTS):
        try:
            with duckdb.connect(":memory:") as connection:
                _make_views(connection, store, since)
                return work(connection)
        except FileNotFoundError:
            continue
        except duckdb.Error as e:
            if isinstance(e, duckdb.IOException) or "No such file" in str(e):
                continue
            raise InputError(f"the query cannot be answered: {e}", field="sql") from e
    raise ConflictError("compaction replaced the files that were being read; ask again")


def _check(sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as e:
        raise InputError(f"the query cannot be read: {e}", field="sql") from e
    if len(statements) != 1 or statements[0].type not in _ALLOWED:
        raise InputError(
            "write one SELECT over `interactions` and `feedback`; the event log is read only",
            field="sql",
        )


def _make_views(
    connection: duckdb.DuckDBPyConnection, store: EventStore, since: datetime | None
) -> None:
    forgotten = read_tombstones(store)
    connection.register(
        "_forgotten",
        pa.table(
            {
                "user_id": pa.array(list(forgotten), pa.string()),
                "at": pa.array(list(forgotten.values()), pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    for kind in TABLES:
        _make_view(connection, store, kind, since)
    for statement in _LOCK_DOWN:
        connection.execute(statement)


def _make_view(
    connection: duckdb.DuckDBPyConnection, store: EventStore, kind: str, since: datetime | None
) -> None:
    """Define one view. Segments are read before Parquet is listed, so nothing falls between them."""
    records: list[dict[str, Any]] = []
    stems: list[str] = []
    read: set[str] = set()
    for stem in store.stems(kind):
        try:
            segment = store.read_segment(kind, stem)
        except FileNotFoundError:
            continue
        read.add(stem)
        records += segment.records
        stems += [stem] * len(segment.records)
    connection.register(f"_open_{kind}", to_table(kind, records, stems))
    connection.register(f"_read_{kind}", pa.table({SEGMENT: pa.array(sorted(read), pa.string())}))
    first = None if since is None else Hour.of(since)
    hours = store.parts(kind).items()
    parts = [p for h, found in hours if first is None or h >= first for p in store.living(found)]
    sources = f"SELECT * FROM _open_{kind}"
    if parts:
        connection.register(f"_parquet_{kind}", store.dataset(kind, parts))
        sources += (
            f" UNION ALL SELECT p.* FROM _parquet_{kind} AS p "
            f"ANTI JOIN _read_{kind} AS r ON p.{SEGMENT} = r.{SEGMENT}"
        )
    once = ""
    if KEY_FIELD in SCHEMAS[kind].names:
        once = (
            f"QUALIFY {KEY_FIELD} IS NULL OR row_number() OVER "
            f"(PARTITION BY {KEY_FIELD} ORDER BY recorded_at, {SEGMENT}) = 1"
        )
    connection.execute(
        f"CREATE VIEW {kind} AS SELECT * EXCLUDE ({SEGMENT}), "
        "strftime(recorded_at, '%Y-%m-%d') AS dt, strftime(recorded_at, '%H') AS hour "
        f"FROM ({sources}) AS e WHERE NOT EXISTS (SELECT 1 FROM _forgotten AS f "
        f"WHERE f.user_id = e.user_id AND (e.recorded_at IS NULL OR e.recorded_at <= f.at)) {once}"
    )
