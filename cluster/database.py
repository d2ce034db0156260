"""The control plane's database: SQLite below the state on one machine, PostgreSQL by URL on many. Tables belong to their modules."""

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from naviyam.errors import ConfigError
from naviyam.settings import Settings

_BUSY_TIMEOUT_S = 30.0


def database_url(settings: Settings) -> str:
    """Return `jobs.database`, or the URL of `control.db` below the state."""
    return settings.jobs.database or f"sqlite:///{settings.paths.state.resolve() / 'control.db'}"


def open_engine(settings: Settings) -> Engine:
    """Return an engine whose transactions are serial: what one has read nobody else changes before it has written.

    Raises:
        ConfigError: `jobs.database` is no URL of a database that is supported.
    """
    url = database_url(settings)
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError as e:
        raise ConfigError(f"jobs.database {url!r} is no SQLAlchemy URL: {e}") from e
    if backend == "sqlite":
        settings.paths.state.mkdir(parents=True, exist_ok=True)
        return _sqlite(url)
    if backend == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    raise ConfigError(f"jobs.database is a {backend} URL; use sqlite:/// or postgresql+psycopg://")


def _sqlite(url: str) -> Engine:
    """Several processes share the file: whoever begins takes its turn, so that a write never fails for what was read."""
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
