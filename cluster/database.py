"""The control plane's database: SQLite below the state on one machine, PostgreSQL by URL on many. Tables belong to their modules."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from naviyam.errors import ConfigError
from naviyam.settings import Settings

_LOCK_WAIT_S = 10.0
_CONNECT_WAIT_S = 10
_TABLES_LOCK = 7_281_503


def database_url(settings: Settings) -> str:
    """Return `jobs.database`, or the URL of `control.db` below the state."""
    return settings.jobs.database or f"sqlite:///{settings.paths.state.resolve() / 'control.db'}"


def open_engine(settings: Settings) -> Engine:
    """Return the engine of an installation; see `engine_of`."""
    return engine_of(database_url(settings))


def engine_of(url: str) -> Engine:
    """Return an engine whose transactions are serial: what one has read nobody else changes before it has written.

    Raises:
        ConfigError: the URL is none of a database that is supported.
    """
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError as e:
        raise ConfigError(f"jobs.database {url!r} is no SQLAlchemy URL: {e}") from e
    if backend == "sqlite":
        return _sqlite(url)
    if backend == "postgresql":
        return create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_WAIT_S}
        )
    raise ConfigError(f"jobs.database is a {backend} URL; use sqlite:/// or postgresql+psycopg://")


def make_tables(engine: Engine, metadata: MetaData) -> None:
    """Make the tables that are missing; several processes may do so at once."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})")
        metadata.create_all(connection)


def _sqlite(url: str) -> Engine:
    """Several processes share the file: whoever begins takes its turn, so that a write never fails for what was read."""
    _make_wal(make_url(url).database)
    engine = create_engine(url, connect_args={"timeout": _LOCK_WAIT_S})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        # SQLAlchemy's own BEGIN below, in place of the driver's, which takes the lock too late.
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_wal(database: str | None) -> None:
    """Put the file into WAL mode, which stays with it."""
    if not database:
        return
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(database, timeout=_LOCK_WAIT_S)) as file:
        file.execute("PRAGMA journal_mode=WAL")
