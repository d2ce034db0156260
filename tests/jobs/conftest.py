from datetime import UTC, datetime

import pytest

from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.types import JobSpec

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store(request, tmp_path):
    """Every implementation of the store, each with its own empty database."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    else:
        url = request.getfixturevalue("postgres")
    held = SqlStore(url)
    yield held
    held.close()


@pytest.fixture
def spec():
    def make(**changes):
        return JobSpec(**{"kind": "lora", "module": "training.lora", "shrinks": True, **changes})

    return make
