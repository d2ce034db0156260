import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch
from safetensors.torch import save_file as save_torch
from transformers import LlamaForCausalLM

from cluster.registry.adapters import (
    base_digest,
    check_adapter,
    difference_adapter,
    low_rank_pairs,
)
from naviyam.errors import ArtifactError
from training.lora.adapters import merge_into_base

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
TOKENS = torch.tensor([[1, 5, 9, 33, 60, 2]])


def change_config(folder: Path, **values: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def logits(folder: Path, adapter: Path | None = None) -> torch.Tensor:
    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    with torch.no_grad():
        result: torch.Tensor = model.eval()(TOKENS).logits
    return result


def test_a_whole_adapter_is_described(tiny_base, make_adapter):
    info = check_adapter(make_adapter("a"), tiny_base)
    assert (info.base, info.rank, info.scale) == ("tiny-llama", 4, 2.0)
    assert info.target_modules == ("q_proj", "v_proj")
    assert info.parameters == 2 * (4 * 32 + 32 * 4) + 2 * (4 * 32 + 16 * 4)


def test_the_digest_follows_the_content(tiny_base, make_adapter):
    one, same, other = make_adapter("1"), make_adapter("2"), make_adapter("3", seed=9)
    first, second, third = (check_adapter(f, tiny_base).digest for f in (one, same, other))
    assert first == second != third
    change_config(same, lora_alpha=4)
    assert check_adapter(same, tiny_base).digest != first


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"r": 8}, "rank 8"),
        ({"r": 0}, "1 to 256"),
        ({"r": 1000}, "1 to 256"),
        ({"lora_alpha": -1}, "lora_alpha"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"target_modules": ["q_proj"]}, "target_modules"),
        ({"base_model_name_or_path": "another-base"}, "another-base"),
        ({"base_model_name_or_path": None}, "does not say its base"),
    ],
)
def test_a_wrong_config_is_named(tiny_base, make_adapter, values, says):
    folder = make_adapter("a")
    change_config(folder, **values)
    with pytest.raises(ArtifactError, match=says):
        check_adapter(folder, tiny_base)


@pytest.mark.parametrize("keep", [0, 4, 60, 900, -1])
def test_a_truncated_file_is_named(tiny_base, make_adapter, keep):
    path = make_adapter("a") / WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="truncated or not a safetensors"):
        check_adapter(path.parent, tiny_base)


def test_missing_files_are_named(tiny_base, make_adapter, tmp_path):
    with pytest.raises(ArtifactError, match=r"adapter_config\.json is missing"):
        check_adapter(tmp_path / "nothing", tiny_base)
    folder = make_adapter("a")
    (folder / WEIGHTS).unlink()
    with pytest.raises(ArtifactError, match="safetensors only"):
        check_adapter(folder, tiny_base)


def test_a_pickle_beside_the_weights_is_refused(tiny_base, make_adapter):
    folder = make_adapter("a")
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ArtifactError, match="pickle"):
        check_adapter(folder, tiny_base)


def test_nan_weights_are_refused(tiny_base, make_adapter):
    path = make_adapter("a") / WEIGHTS
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = np.nan
    save_file(tensors, path)
    with pytest.raises(ArtifactError, match="NaN"):
        check_adapter(path.parent, tiny_base)


def test_a_layer_of_another_base_is_refused(tiny_base, make_adapter):
    path = make_adapter("a") / WEIGHTS
    tensors = load_file(path)
    renamed = {k.replace("layers.1.", "layers.7."): v for k, v in tensors.items()}
    save_file(renamed, path)
    with pytest.raises(ArtifactError, match=r"no linear layer model\.layers\.7"):
        check_adapter(path.parent, tiny_base)


def test_a_missing_layer_is_refused(tiny_base, make_adapter):
    path = make_adapter("a") / WEIGHTS
    tensors = {k: v for k, v in load_file(path).items() if "layers.1.self_attn.q_proj" not in k}
    save_file(tensors, path)
    with pytest.raises(ArtifactError, match="lacks 1 layers"):
        check_adapter(path.parent, tiny_base)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({"sha256": "0" * 64}, "sha256 in model.json"),
        ({"base_sha256": "0" * 64}, "other weights"),
        ({"base": "smollm2-135m-instruct"}, "smollm2"),
        ({"kind": "difference"}, "load its original"),
    ],
)
def test_a_card_that_contradicts_is_named(tiny_base, make_adapter, card, says):
    folder = make_adapter("a")
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match=says):
        check_adapter(folder, tiny_base)


def test_bfloat16_weights_are_read_exactly(tiny_base, make_adapter):
    path = make_adapter("a") / WEIGHTS
    narrow = {k: v.to(torch.bfloat16) for k, v in load_torch(path).items()}
    save_torch(narrow, path)
    a, _ = low_rank_pairs(check_adapter(path.parent, tiny_base))["model.layers.0.self_attn.q_proj"]
    wanted = narrow["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"].float()
    assert np.array_equal(a, wanted.numpy())


def test_merging_equals_the_adapter_on_the_base_and_is_cached(tiny_base, make_adapter, tmp_path):
    adapter = make_adapter("a")
    merged = merge_into_base(tiny_base, adapter, tmp_path / "merged")
    assert torch.allclose(logits(merged), logits(tiny_base, adapter), atol=1e-5)
    assert not torch.allclose(logits(merged), logits(tiny_base), atol=1e-2)
    stamp = (merged / "model.safetensors").stat().st_mtime_ns
    assert merge_into_base(tiny_base, adapter, tmp_path / "merged") == merged
    assert (merged / "model.safetensors").stat().st_mtime_ns == stamp
    assert base_digest(merged) != base_digest(tiny_base)


@pytest.mark.slow
@pytest.mark.parametrize(
    "challenger",
    [{"seed": 2}, {"seed": 3, "rank": 2, "alpha": 6}, {"seed": 4, "targets": ("q_proj", "o_proj")}],
)
def test_a_difference_on_the_merged_base_equals_the_challenger(
    tiny_base, make_adapter, tmp_path, challenger
):
    champion_at, challenger_at = make_adapter("champion"), make_adapter("challenger", **challenger)
    merged = merge_into_base(tiny_base, champion_at, tmp_path / "merged")
    champion = check_adapter(champion_at, tiny_base)
    difference = difference_adapter(
        check_adapter(challenger_at, tiny_base), champion, tmp_path / "difference"
    )
    wanted = logits(tiny_base, challenger_at)
    assert torch.allclose(logits(merged, difference), wanted, atol=1e-4)
    assert not torch.allclose(logits(merged, challenger_at), wanted, atol=1e-2)


def test_a_difference_of_two_bases_is_refused(tiny_base, make_adapter, tmp_path):
    info = check_adapter(make_adapter("a"), tiny_base)
    with pytest.raises(ArtifactError, match="needs one base"):
        difference_adapter(info, replace(info, base="other"), tmp_path)
