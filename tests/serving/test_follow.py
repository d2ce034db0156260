import asyncio

import pytest

from deployments.follow import AdapterFollower
from naviyam import versions
from naviyam.errors import ArtifactError, ConflictError
from naviyam.settings import Settings


class Engine:
    """An engine that serves whatever it is told, except what a test forbids."""

    def __init__(self):
        self.default_adapter = "nlg@repository"
        self.asked = []
        self.fails = {}

    async def make_default(self, spec):
        self.asked.append(spec.version)
        if error := self.fails.get(spec.version):
            raise error
        self.default_adapter = spec.key


@pytest.fixture
def world(tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    engine = Engine()
    follower = AdapterFollower(settings, engine)

    def publish(version):
        root = settings.paths.models / "nlg"
        if (root / version).exists():
            versions.set_current(root, version)
        else:
            versions.publish(root, version, lambda folder: None)

    return engine, publish, lambda: asyncio.run(follower.poll())


def test_the_engine_follows_the_pointer(world):
    engine, publish, poll = world
    assert not poll()
    for version in ("v1", "v2", "v1"):
        publish(version)
        assert poll()
        assert engine.default_adapter == f"nlg@{version}"
        assert not poll()
    assert engine.asked == ["v1", "v2", "v1"]


def test_a_refused_adapter_is_tried_once_and_the_old_one_serves(world):
    engine, publish, poll = world
    publish("v1")
    poll()
    engine.fails["bad"] = ArtifactError("truncated")
    publish("bad")
    assert not poll()
    assert not poll()
    assert engine.asked == ["v1", "bad"]
    assert engine.default_adapter == "nlg@v1"
    publish("v2")
    assert poll()
    publish("bad")
    assert not poll()
    assert engine.asked == ["v1", "bad", "v2", "bad"]


def test_where_there_is_no_room_yet_it_waits(world):
    engine, publish, poll = world
    engine.fails["v1"] = ConflictError("4 adapters are loaded")
    publish("v1")
    assert not poll()
    engine.fails.clear()
    assert poll()
    assert engine.default_adapter == "nlg@v1"
