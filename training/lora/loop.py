"""The LoRA loop, free of Ray: one process, or one of several that share gradients. Loss on the answer only, seeded.

It can be broken off anywhere: continued from its last checkpoint it ends in the same weights. PEFT without TRL: on two cores
the SFTTrainer of TRL 1.16 (bf16, no gradient checkpointing, completion-only loss, batches of like length) reached 0.55 of
this loop's tokens a second, 0.80 without its own figures, for it asks the output layer for every place of a sample.
"""

import json
import math
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from training.exchange import (
    ALONE,
    Exchange,
    accumulating,
    read_state,
    restore,
    state_of,
    step_seed,
    write_state,
)
from training.lora.batches import EMPTY, Encoded, Step, collate, encode, plan_epoch, share_of
from training.lora.data import Sample
from training.lora.model import WEIGHTS_FILE, AnswerLoss, adapter_tensors, open_model, save_adapter

EVALUATED_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTraining:
    """One run. The learning rate warms up linearly and then falls linearly to zero.

    A step learns from `batch_size` x `accumulation` samples, however many processes compute it.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    epochs: int = 3
    batch_size: int = 4
    accumulation: int = 1
    learning_rate: float = 1e-4
    warmup_steps: int = 20
    max_steps: int | None = None
    seed: int = 7
    threads: int = 1
    checkpoint_every: int = 40
    report_every: int = 10
    held_out: int = 40
    """Samples kept back where the data set brings none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is reported after a step; `loss` is the mean per answer token over the last steps.

    `perplexity` is that of the held-out samples, where an epoch has just ended.
    """

    step: int
    steps: int
    loss: float
    tokens: int
    perplexity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What is learned from and what is held out."""

    training: tuple[Sample, ...]
    held_out: tuple[Sample, ...]

    @classmethod
    def split(cls, samples: Sequence[Sample], config: LoraTraining) -> "Corpus":
        """Hold `config.held_out` samples back, drawn by the seed."""
        pool = list(samples)
        random.Random(config.seed).shuffle(pool)
        return cls(training=tuple(pool[config.held_out :]), held_out=tuple(pool[: config.held_out]))


Report = Callable[[Progress], None]
Save = Callable[[dict[str, Any]], None]
"""Called by every process at the same steps; the whole checkpoint is rank 0's."""


def train(
    base: Path,
    samples: Sequence[Sample] | Corpus,
    out: Path,
    config: LoraTraining,
    *,
    report: Report,
    parent: Path | None = None,
) -> dict[str, float]:
    """Train an adapter into `out` (PEFT layout, bf16) and return its held-out metrics beside the base's.

    A folder `out/.checkpoint` from a broken run of the same configuration, data and parent is continued.
    """
    corpus = samples if isinstance(samples, Corpus) else Corpus.split(samples, config)
    folder = out / ".checkpoint"
    trainee = Trainee(base, config, parent=parent)
    kept, made_of = read_state(folder), fingerprint(config, corpus, parent)
    metrics, tensors = trainee.fit(
        corpus,
        report=report,
        save=lambda state: write_state(folder, state),
        restored=kept if kept and kept["config"] == made_of else None,
    )
    save_adapter(trainee.model, tensors, out)
    shutil.rmtree(folder, ignore_errors=True)
    return metrics


class Trainee:
    """The model with its optimiser, in one of `exchange.world` processes."""

    def __init__(
        self,
        base: Path,
        config: LoraTraining,
        *,
        exchange: Exchange = ALONE,
        parent: Path | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.config, self.exchange, self._parent = config, exchange, parent
        self._made_of = ""
        self._tokenizer: Any = AutoTokenizer.from_pretrained(base)
        self.model = open_model(
            base,
            rank=config.rank,
            alpha=config.alpha,
            dropout=config.dropout,
            target_modules=config.target_modules,
            parent=parent,
        )
        self._loss = exchange.wrap(AnswerLoss(self.model))
        self._trained = [p for p in self._loss.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._trained, lr=config.learning_rate, weight_decay=0.0
        )
        self._device = self._trained[0].device

    def fit(
        self,
        corpus: Corpus,
        *,
        report: Report,
        save: Save,
        restored: dict[str, Any] | None = None,
    ) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
        """Run all steps after those of `restored`; return metrics and the adapter's tensors (rank 0)."""
        config = self.config
        self._made_of = fingerprint(config, corpus, self._parent)
        training = [encode(self._tokenizer, s) for s in corpus.training]
        held_out = [encode(self._tokenizer, s) for s in corpus.held_out]
        plan, ends = self._plan(training)
        start, figures = 0, {}
        if restored is None:
            figures["base_perplexity"] = self._perplexity(held_out, adapter=False)
        else:
            restore(self._loss, self._optimizer, restored)
            start, figures = int(restored["step"]), dict(restored["figures"])
        losses: list[float] = []
        tokens = 0
        for step in range(start, len(plan)):
            losses.append(self._step(step, plan[step], len(plan)))
            tokens += sum(len(e.ids) for micro in plan[step] for e in micro)
            done = step + 1
            perplexity = None
            if done in ends:
                perplexity = self._perplexity(held_out, adapter=True)
                figures[f"perplexity_epoch_{ends[done]}"] = perplexity
            if done % config.report_every == 0 or done in ends:
                mean = sum(losses[-10:]) / len(losses[-10:])
                report(
                    Progress(
                        step=done, steps=len(plan), loss=mean, tokens=tokens, perplexity=perplexity
                    )
                )
            if done % config.checkpoint_every == 0 or done in ends:
                save(self.state(done, figures))
        figures["perplexity"] = figures.get(f"perplexity_epoch_{max(ends.values())}", math.nan)
        counts = {
            "steps": float(len(plan)),
            "samples": float(len(training)),
            "held_out": float(len(held_out)),
        }
        whole = state_of(self._loss, self._optimizer)["model"]
        tensors = adapter_tensors(self.model, whole) if self.exchange.rank == 0 else {}
        return figures | counts, tensors

    def _plan(self, training: Sequence[Encoded]) -> tuple[list[Step], dict[int, int]]:
        """Return all steps, and after which of them which epoch (from 1) ends."""
        rng = random.Random(self.config.seed)
        plan: list[Step] = []
        ends = {}
        for epoch in range(1, self.config.epochs + 1):
            plan += plan_epoch(
                training,
                batch_size=self.config.batch_size,
                accumulation=self.config.accumulation,
                rng=rng,
            )
            steps = min(len(plan), self.config.max_steps or len(plan))
            ends[steps] = epoch
            if steps == self.config.max_steps:
                break
        return plan[: self.config.max_steps], ends

    def _step(self, number: int, step: Step, steps: int) -> float:
        """Learn from one step; return its mean loss per answer token over all processes."""
        config, exchange = self.config, self.exchange
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule(number, steps, config.warmup_steps)
        torch.manual_seed(step_seed(config.seed, number, exchange.rank))
        self._loss.train()
        answer_tokens = sum(e.answer_tokens for micro in step for e in micro)
        share = share_of(
            step, rank=exchange.rank, world=exchange.world, batch_size=config.batch_size
        )
        total = torch.zeros((), device=self._device)
        for i, micro in enumerate(share.micros):
            with accumulating(self._loss, last=i + 1 == len(share.micros)):
                loss = self._loss(*collate(micro, self._device))
                loss = loss * (float(i < share.counted) / answer_tokens)
                # The exchange takes the mean over processes, the step wants their sum.
                torch.autograd.backward(loss * exchange.world)
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(exchange.total(total))

    def _perplexity(self, held_out: Sequence[Encoded], *, adapter: bool) -> float:
        """Return exp of the mean loss per answer token, with or without the adapter; batches are dealt out."""
        if not held_out:
            return math.nan
        self._loss.eval()
        exchange, size = self.exchange, EVALUATED_AT_ONCE
        batches = [list(held_out[i : i + size]) for i in range(0, len(held_out), size)]
        rounds = -(-len(batches) // exchange.world)
        sums = torch.zeros(2, dtype=torch.float64, device=self._device)
        with torch.no_grad():
            for i in range(rounds):
                at = i * exchange.world + exchange.rank
                batch = batches[at] if at < len(batches) else [EMPTY]
                inputs = collate(batch, self._device)
                if adapter:
                    loss = self._loss(*inputs)
                else:
                    with self.model.disable_adapter():
                        loss = self._loss(*inputs)
                if at < len(batches):
                    sums += torch.tensor([float(loss), sum(e.answer_tokens for e in batch)])
        total, count = exchange.total(sums).tolist()
        return math.exp(total / count)

    def state(self, step: int, figures: dict[str, float]) -> dict[str, Any]:
        """Return a checkpoint after `step` steps (whole on rank 0); every process must call it."""
        return {
            **state_of(self._loss, self._optimizer),
            "step": step,
            "figures": dict(figures),
            "config": self._made_of,
        }


def schedule(step: int, steps: int, warmup: int) -> float:
    """Return the factor on the learning rate: up to 1 over `warmup` steps (half of a short run), then near 0."""
    warmup = min(warmup, steps // 2)
    if step < warmup:
        return (step + 1) / warmup
    return max(0.02, (steps - step) / max(1, steps - warmup))


def fingerprint(config: LoraTraining, corpus: Corpus, parent: Path | None) -> str:
    """Return what a checkpoint must have been made with to be continued: configuration, samples, the parent's weights."""
    samples = [
        [[s.prompt, s.completion] for s in part] for part in (corpus.training, corpus.held_out)
    ]
    whole = sha256(json.dumps(samples).encode()).hexdigest()
    weights = None if parent is None else sha256((parent / WEIGHTS_FILE).read_bytes()).hexdigest()
    return json.dumps([asdict(config), whole, weights], sort_keys=True)
