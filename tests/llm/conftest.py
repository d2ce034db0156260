"""A tiny random base and adapters for it, written the way transformers and PEFT write them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

MakeAdapter = Callable[..., Path]


def build_tiny_llama(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny-llama"
    build_tiny_llama().save_pretrained(folder)
    return folder


@pytest.fixture
def make_adapter(tiny_base: Path, tmp_path: Path) -> MakeAdapter:
    def make(
        name: str,
        *,
        seed: int = 1,
        rank: int = 4,
        alpha: int = 8,
        targets: tuple[str, ...] = ("q_proj", "v_proj"),
    ) -> Path:
        torch.manual_seed(seed)
        config = LoraConfig(
            r=rank, lora_alpha=alpha, target_modules=list(targets), task_type="CAUSAL_LM"
        )
        model = get_peft_model(LlamaForCausalLM.from_pretrained(tiny_base), config)
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.3)
        folder = tmp_path / name
        model.save_pretrained(folder)
        rewrite_json(folder / "adapter_config.json", base_model_name_or_path="tiny-llama")
        return folder

    return make


def rewrite_json(path: Path, **values: object) -> None:
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**config, **values}))
