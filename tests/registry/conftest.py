import json
from datetime import UTC, datetime, timedelta

import pytest

from cluster.registry.kinds import Kind
from cluster.registry.registry import Registry
from naviyam.clock import FakeClock
from naviyam.errors import ArtifactError


class Ticking(FakeClock):
    """A clock on which no two looks are equal."""

    def now(self):
        self.advance(1)
        return super().now()


def check_thing(folder):
    if (folder / "weights").read_text() == "broken":
        raise ArtifactError(f"{folder / 'weights'} is broken")


@pytest.fixture
def clock():
    return Ticking(current=datetime(2026, 11, 21, tzinfo=UTC) - timedelta(seconds=1))


@pytest.fixture
def trained(tmp_path):
    """Make a folder as a trainer leaves it; the same weights are the same content."""

    def make(weights, *, card=None, name=None):
        folder = tmp_path / "trained" / (name or weights)
        folder.mkdir(parents=True)
        (folder / "weights").write_text(weights)
        values = {"metrics": {"score": 0.5, "tests": {"all": 3}}, "seed": 7, **(card or {})}
        (folder / "model.json").write_text(json.dumps(values))
        return folder

    return make


@pytest.fixture
def registry_over(tmp_path, clock):
    """A registry with one model, `thing`, whose root is `tmp_path / 'models' / 'thing'`."""

    def make(records, *, initial=None, follows=None):
        root = tmp_path / "models" / "thing"
        kind = Kind(kind="thing", root=root, check=check_thing, initial=initial, follows=follows)
        return Registry(records, {"thing": kind}, clock)

    return make
