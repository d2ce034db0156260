import importlib.util
import sys
from pathlib import Path

import pytest

from cluster.database import open_engine
from cluster.monitoring.sql_store import SqlAlertStore
from cluster.monitoring.store import MemoryAlertStore
from naviyam.settings import Settings


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


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def alert_store(request, tmp_path):
    """Every implementation of the alert store, each with its own empty database."""
    if request.param == "memory":
        yield MemoryAlertStore()
        return
    url = ""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
    engine = open_engine(
        Settings.parse({"paths": {"state": str(tmp_path)}, "jobs": {"database": url}})
    )
    yield SqlAlertStore(engine)
    engine.dispose()
