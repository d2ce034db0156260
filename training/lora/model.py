"""A base with an adapter on it, the loss of its answers, and the adapter's files (PEFT's layout)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

WEIGHTS_FILE = "adapter_model.safetensors"


def open_model(
    base: Path,
    *,
    rank: int,
    alpha: int,
    dropout: float,
    target_modules: tuple[str, ...],
    parent: Path | None,
) -> Any:
    """Return the base in the fastest exact type with an adapter: a new one, or the parent's weights."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=fast_dtype())
    model = get_peft_model(
        model,
        LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=dropout,
            target_modules=list(target_modules),
            task_type="CAUSAL_LM",
        ),
    )
    if parent is not None:
        set_peft_model_state_dict(model, load_file(parent / WEIGHTS_FILE))
    return model


def fast_dtype() -> torch.dtype:
    """Return bfloat16 where the hardware multiplies it, else float32: emulated bfloat16 is several times slower."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32


class AnswerLoss(nn.Module):
    """The summed cross-entropy over answer tokens; the output layer sees answer positions only.

    A module of its own, because what exchanges gradients must see the forward pass of all that is trained.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, attention: torch.Tensor, wanted: torch.Tensor
    ) -> torch.Tensor:
        """Return one number."""
        causal = self.model.get_base_model()
        hidden = causal.model(input_ids=ids, attention_mask=attention).last_hidden_state
        logits = causal.lm_head(hidden[:, :-1][wanted[:, 1:]])
        return torch.nn.functional.cross_entropy(
            logits.float(), ids[:, 1:][wanted[:, 1:]], reduction="sum"
        )

    def blocks(self) -> list[nn.Module]:
        """Return the base's layers: the parts in which a large base is spread over devices."""
        layers: list[nn.Module] = list(self.model.get_base_model().model.layers)
        return layers


def adapter_tensors(model: Any, trained: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the adapter under PEFT's names, bf16; `trained` holds whole parameters as `AnswerLoss` names them."""
    whole = {name.removeprefix("model."): tensor for name, tensor in trained.items()}
    state = get_peft_model_state_dict(model, state_dict=whole)
    return {k: v.detach().to(torch.bfloat16).cpu().contiguous() for k, v in state.items()}


def save_adapter(model: Any, tensors: dict[str, torch.Tensor], out: Path) -> None:
    """Write `adapter_tensors` and PEFT's configuration, each file beside and renamed."""
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f".{WEIGHTS_FILE}.tmp"
    save_file(tensors, temporary, metadata={"format": "pt"})
    temporary.replace(out / WEIGHTS_FILE)
    config = model.peft_config["default"].to_dict()
    config = {k: sorted(v) if isinstance(v, set) else v for k, v in config.items()}
    config |= {"inference_mode": True, "base_model_name_or_path": None}
    text = json.dumps(config, indent=1, sort_keys=True, default=str)
    (out / "adapter_config.json").write_text(text + "\n", encoding="utf-8")
