import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.rollout.traffic import Split, Traffic, bucket
from naviyam.arms import LAYERS
from naviyam.errors import InputError

USERS = st.text("0123456789abcdef", min_size=1, max_size=24).map(lambda text: f"u_{text}")
WEIGHTS = st.floats(0, 1)


def split(weight: float = 0.5, layer: str = "ranker", salt: str = "salt-1") -> Split:
    return Split(
        layer=layer, experiment="e_1", salt=salt, weight=weight, stable="r1", candidate="r2"
    )


@given(USERS, WEIGHTS)
def test_a_user_stays_in_an_arm(user, weight):
    assert split(weight).arm(user) == split(weight).arm(user)


@given(USERS, WEIGHTS, WEIGHTS)
def test_whoever_has_the_candidate_keeps_it_when_its_share_grows(user, one, other):
    low, high = sorted((one, other))
    if split(low).arm(user).name == "candidate":
        assert split(high).arm(user).name == "candidate"


@given(USERS)
def test_nobody_at_0_and_everybody_at_1(user):
    assert split(0).arm(user).name == "stable"
    assert split(1).arm(user).name == "candidate"


@given(st.lists(st.sampled_from(LAYERS), unique=True), USERS)
def test_a_table_survives_the_way_to_the_replicas(layers, user):
    traffic = Traffic(revision=3, splits=tuple(split(layer=each) for each in layers))
    assert Traffic.parse(traffic.to_dict()) == traffic
    assert list(Traffic.parse(traffic.to_dict()).arms(user)) == layers


def test_other_processes_agree():
    users = [f"u_{i}" for i in range(20)]
    code = f"from cluster.rollout.traffic import bucket; print([bucket('s', u) for u in {users}])"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{[bucket('s', u) for u in users]}\n".encode()}


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.25, 0.5])
def test_the_share_is_the_weight(weight):
    n = 20_000
    hit = sum(split(weight).arm(f"u_{i}").name == "candidate" for i in range(n))
    assert abs(hit - n * weight) < 4 * (n * weight * (1 - weight)) ** 0.5


def test_layers_are_independent():
    n = 20_000
    one, other = split(0.5), split(0.5, layer="adapter", salt="salt-2")
    both = sum(one.arm(f"u_{i}").name == other.arm(f"u_{i}").name for i in range(n))
    assert abs(both - n / 2) < 4 * (n / 4) ** 0.5


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_that_is_no_share_is_refused(weight):
    with pytest.raises(InputError, match="between 0 and 1"):
        split(weight)


def test_a_layer_has_one_experiment():
    with pytest.raises(InputError, match="two experiments on layer 'ranker'"):
        Traffic(splits=(split(), split()))
