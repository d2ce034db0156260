"""The plain LoRA loop: one process, no Ray. Loss on the answer only, seeded, resumable from its last checkpoint.

PEFT's layout is written, so vLLM and PEFT load the result as it is.
"""

import json
import math
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.lora.data import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTraining:
    """One run. The learning rate warms up linearly and then falls linearly to zero."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    epochs: int = 3
    batch_size: int = 4
    learning_rate: float = 1e-4
    warmup_steps: int = 20
    max_steps: int | None = None
    seed: int = 7
    threads: int = 1
    checkpoint_every: int = 40
    held_out: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is reported after a step; `loss` is the mean per answer token over the last steps."""

    step: int
    steps: int
    loss: float
    tokens: int


@dataclass(frozen=True, slots=True)
class _Encoded:
    ids: list[int]
    answer_from: int


def train(
    base: Path,
    samples: Sequence[Sample],
    out: Path,
    config: LoraTraining,
    *,
    report: Callable[[Progress], None],
    parent: Path | None = None,
) -> dict[str, float]:
    """Train an adapter into `out` (PEFT layout, bf16) and return its held-out metrics beside the base's.

    A folder `out/.checkpoint` from a broken run of the same configuration is continued.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=fast_dtype())
    model = get_peft_model(
        model,
        LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=list(config.target_modules),
            task_type="CAUSAL_LM",
        ),
    )
    trained = [p for p in model.parameters() if p.requires_grad]
    if parent is not None:
        set_peft_model_state_dict(model, load_file(parent / "adapter_model.safetensors"))
    encoded = [_encode(tokenizer, s) for s in samples]
    order = random.Random(config.seed)
    order.shuffle(encoded)
    held_out, training = encoded[: config.held_out], encoded[config.held_out :]
    metrics = {"base_perplexity": math.exp(_evaluate(model, held_out, adapter=False))}
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.0)
    batches = list(_batches(training, config))
    steps = min(len(batches), config.max_steps or len(batches))
    start = _resume(model, optimizer, out, config)
    losses: list[float] = []
    tokens = 0
    for step in range(start, steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, steps, config.warmup_steps)
        model.train()
        loss = _loss(model, batches[step])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        tokens += sum(len(e.ids) for e in batches[step])
        if (step + 1) % 10 == 0 or step + 1 == steps:
            mean = sum(losses[-10:]) / len(losses[-10:])
            report(Progress(step=step + 1, steps=steps, loss=mean, tokens=tokens))
        if (step + 1) % config.checkpoint_every == 0 and step + 1 < steps:
            _checkpoint(model, optimizer, out, config, step + 1)
    metrics["perplexity"] = math.exp(_evaluate(model, held_out, adapter=True))
    metrics |= {
        "steps": float(steps),
        "samples": float(len(training)),
        "held_out": float(len(held_out)),
    }
    save_adapter(model, out)
    shutil.rmtree(out / ".checkpoint", ignore_errors=True)
    return metrics


def fast_dtype() -> torch.dtype:
    """Return bfloat16 where the hardware multiplies it, else float32: emulated bfloat16 is several times slower."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32


def save_adapter(model: Any, out: Path) -> None:
    """Write the adapter in bf16, PEFT's own layout, each file beside and renamed."""
    out.mkdir(parents=True, exist_ok=True)
    state = {
        k: v.to(torch.bfloat16).contiguous() for k, v in get_peft_model_state_dict(model).items()
    }
    temporary = out / ".adapter_model.safetensors.tmp"
    save_file(state, temporary, metadata={"format": "pt"})
    temporary.replace(out / "adapter_model.safetensors")
    config = model.peft_config["default"].to_dict()
    config = {k: sorted(v) if isinstance(v, set) else v for k, v in config.items()}
    config |= {"inference_mode": True, "base_model_name_or_path": None}
    text = json.dumps(config, indent=1, sort_keys=True, default=str)
    (out / "adapter_config.json").write_text(text + "\n", encoding="utf-8")


def _encode(tokenizer: Any, sample: Sample) -> _Encoded:
    prompt = tokenizer.encode(sample.prompt, add_special_tokens=False)
    answer = tokenizer.encode(sample.completion, add_special_tokens=False)
    return _Encoded(prompt + answer, len(prompt))


def _batches(encoded: Sequence[_Encoded], config: LoraTraining) -> Iterator[list[_Encoded]]:
    """Yield batches of like length (little padding) in a seeded order, epoch after epoch."""
    rng = random.Random(config.seed)
    for _ in range(config.epochs):
        pool = list(encoded)
        rng.shuffle(pool)
        span = config.batch_size * 16
        batches = []
        for begin in range(0, len(pool), span):
            near = sorted(pool[begin : begin + span], key=lambda e: len(e.ids))
            batches += [
                near[i : i + config.batch_size] for i in range(0, len(near), config.batch_size)
            ]
        rng.shuffle(batches)
        yield from batches


def _loss(model: Any, batch: Sequence[_Encoded]) -> torch.Tensor:
    """Mean cross-entropy over answer tokens; the output layer sees answer positions only."""
    width = max(len(e.ids) for e in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    attention = torch.zeros(len(batch), width, dtype=torch.long)
    wanted = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, e in enumerate(batch):
        ids[row, : len(e.ids)] = torch.tensor(e.ids)
        attention[row, : len(e.ids)] = 1
        wanted[row, e.answer_from : len(e.ids)] = True
    causal = model.get_base_model()
    hidden = causal.model(input_ids=ids, attention_mask=attention).last_hidden_state
    logits = causal.lm_head(hidden[:, :-1][wanted[:, 1:]])
    return torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][wanted[:, 1:]])


def _evaluate(model: Any, held_out: Sequence[_Encoded], *, adapter: bool) -> float:
    """Return the mean loss per answer token on the held-out samples, with or without the adapter."""
    if not held_out:
        return float("nan")
    model.eval()
    total = count = 0.0
    with torch.inference_mode():
        for begin in range(0, len(held_out), 8):
            batch = held_out[begin : begin + 8]
            weight = sum(len(e.ids) - e.answer_from for e in batch)
            if adapter:
                loss = _loss(model, batch)
            else:
                with model.disable_adapter():
                    loss = _loss(model, batch)
            total += loss.item() * weight
            count += weight
    return total / count


def _schedule(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return max(0.02, (steps - step) / max(1, steps - warmup))


def _fingerprint(config: LoraTraining) -> str:
    return json.dumps(asdict(config), sort_keys=True)


def _checkpoint(model: Any, optimizer: Any, out: Path, config: LoraTraining, step: int) -> None:
    folder = out / ".checkpoint"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "state.tmp"
    torch.save(
        {
            "adapter": get_peft_model_state_dict(model),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "rng": torch.get_rng_state(),
            "config": _fingerprint(config),
        },
        temporary,
    )
    temporary.replace(folder / "state.pt")


def _resume(model: Any, optimizer: Any, out: Path, config: LoraTraining) -> int:
    path = out / ".checkpoint" / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["config"] != _fingerprint(config):
        return 0
    set_peft_model_state_dict(model, state["adapter"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    return int(state["step"])
