import json
from datetime import UTC, datetime, timedelta

import pytest

from cluster.registry.kinds import Kind
from cluster.registry.memory_registry import MemoryRecords
from cluster.registry.registry import Registry
from cluster.rollout.rollouts import Rollouts
from cluster.rollout.store import MemoryExperiments
from naviyam.clock import FakeClock
from naviyam.settings import Settings


class Ticking(FakeClock):
    """A clock on which no two looks are equal."""

    def now(self):
        self.advance(1)
        return super().now()


@pytest.fixture
def clock():
    return Ticking(current=datetime(2026, 11, 21, tzinfo=UTC) - timedelta(seconds=1))


@pytest.fixture
def registry(tmp_path, clock):
    """Rankers `old` (serves) and `new` (challenger), as real folders whose weights are their names."""
    kinds = {
        name: Kind(kind=name, root=tmp_path / "models" / name, check=lambda folder: None)
        for name in ("ranker", "nlg")
    }
    made = Registry(MemoryRecords(), kinds, clock)
    for name in kinds:
        for weights in ("old", "new"):
            folder = tmp_path / "trained" / name / weights
            folder.mkdir(parents=True)
            (folder / "weights").write_text(weights)
            (folder / "model.json").write_text(json.dumps({"metrics": {"offline_gain": 0.05}}))
            version = made.register(name, folder)
            if weights == "old":
                made.promote(name, version.version, who="test", why="first")
            else:
                made.set_alias(name, "challenger", version.version)
    return made


@pytest.fixture
def experiments():
    return MemoryExperiments()


@pytest.fixture
def rollouts(experiments, registry, clock):
    return Rollouts(
        experiments=experiments,
        registry=registry,
        clock=clock,
        settings=Settings(),
        variants={"retriever": frozenset({"words", "meaning"}), "prompt": frozenset()},
    )
