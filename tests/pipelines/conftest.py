from pathlib import Path

import pytest

from naviyam import versions
from tests.pipelines.world import World, write_ranker


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an installation whose ranker v1 serves, with one feedback and a data set of 12 rows."""
    world = World(tmp_path / "state")
    data = {"folder": str(tmp_path / "set"), "rows": 12, "train": 9, "test": 3, "hash": "h1"}
    world.sets = {"ranker": {**data, "simulated": True}}
    root = world.settings.paths.models / "ranker"
    write_ranker(root / "v1", 1.0)
    versions.set_current(root, "v1")
    world.feedback()
    return world
