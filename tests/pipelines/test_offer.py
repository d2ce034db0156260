"""A model that was trained by hand beside what serves: challenger, or refused with the reason."""

import json

import pytest

from naviyam.errors import ArtifactError, InputError
from tests.pipelines.world import WORSE, write_ranker
from training.pipelines.offer import offer


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps({"hash": "h7", "simulated": True}))
    return folder


def offered(world, data, name="ranker"):
    candidate = write_ranker(world.root / "by-hand" / "tuned", world.weight)
    return offer(
        world.registry,
        world.runner,
        name,
        candidate,
        data=data,
        config=None,
        limits=world.settings.release,
    )


def test_what_is_better_becomes_the_challenger_and_does_not_serve(world, data):
    found = offered(world, data)
    assert found["decision"] == "challenger"
    held = world.registry.get("ranker", "challenger")
    assert held.version == found["version"] != world.serving()
    assert (held.lineage.parent, held.lineage.dataset_hash) == ("v1", "h7")
    assert held.lineage.simulated is True


def test_what_is_worse_is_registered_with_the_reason(world, data):
    world.measured = WORSE
    found = offered(world, data)
    assert found["decision"] == "refused"
    assert world.registry.get("ranker", found["version"]).refused == "; ".join(found["reasons"])
    assert world.registry.alias("ranker", "challenger") is None


def test_no_such_model_and_no_such_data_set(world, data, tmp_path):
    with pytest.raises(InputError, match="'index' does not learn from use"):
        offered(world, data, name="index")
    with pytest.raises(ArtifactError, match="card"):
        offered(world, tmp_path)
    assert world.ran == []
