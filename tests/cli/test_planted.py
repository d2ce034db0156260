import json
from pathlib import Path

import numpy as np

from cluster.cli.planted import planted_adapter
from cluster.registry.adapters import CARD, CONFIG, WEIGHTS
from cluster.registry.sealed import file_sha256
from cluster.registry.tensors import read_tensors

SHIPPED = Path("adapters/nlg")


def test_a_planted_adapter_has_a_share_of_the_effect_and_says_so(tmp_path):
    planted_adapter(SHIPPED, tmp_path / "weak", strength=0.25)
    whole, weak = (read_tensors(f / WEIGHTS) for f in (SHIPPED, tmp_path / "weak"))
    assert whole.keys() == weak.keys()
    for name, tensor in whole.items():
        share = 0.25 if ".lora_B." in name else 1.0
        np.testing.assert_array_equal(weak[name], tensor * share)
    card = json.loads((tmp_path / "weak" / CARD).read_text())
    assert card["planted"].startswith("0.25 of ")
    assert card["metrics"] == {}
    assert card["sha256"] == file_sha256(tmp_path / "weak" / WEIGHTS)
    assert (tmp_path / "weak" / CONFIG).read_bytes() == (SHIPPED / CONFIG).read_bytes()
