"""Adapters on one base in plain transformers: the loss of given answers and greedily written ones. torch lives here.

Two adapters are loaded beside each other and switched, so that both read the same weights, batches and padding. Greedy:
the same prompt gives the same answer, whatever is measured beside it. In bfloat16 where the hardware multiplies it, as it
is served, else in float32.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from naviyam.nlg.prompt import END
from training.lora.model import fast_dtype

AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The summed loss (natural log) of an answer's tokens, and how many there are."""

    nats: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was written for one prompt. `seconds` is its share, by tokens, of the time its batch took."""

    text: str
    tokens: int
    seconds: float


class Adapters:
    """One base with named adapters.

    Args:
        base: the base model's folder.
        folders: PEFT folders by name, already checked to fit the base.
        threads: of torch on a CPU.
    """

    def __init__(self, base: Path, folders: Mapping[str, Path], *, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        logging.disable_progress_bar()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer: Any = AutoTokenizer.from_pretrained(base, padding_side="left")
        self._end = self._tokenizer.convert_tokens_to_ids(END)
        plain: Any = AutoModelForCausalLM.from_pretrained(base, dtype=fast_dtype())
        (first, folder), *others = folders.items()
        self._model: Any = PeftModel.from_pretrained(plain, str(folder), adapter_name=first)
        for name, folder in others:
            self._model.load_adapter(str(folder), adapter_name=name)
        self._model.to(self._device).eval()

    def losses(self, name: str, samples: Sequence[tuple[str, str]]) -> list[Loss]:
        """Return the loss of every (prompt, answer); only the answer's tokens count."""
        self._model.set_adapter(name)
        encoded = [self._encode(*sample) for sample in samples]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]))
        found: dict[int, Loss] = {}
        with torch.inference_mode():
            for begin in range(0, len(order), AT_ONCE):
                some = order[begin : begin + AT_ONCE]
                for i, loss in zip(some, self._losses([encoded[i] for i in some]), strict=True):
                    found[i] = loss
        return [found[i] for i in range(len(encoded))]

    def write(self, name: str, prompts: Sequence[str], *, max_tokens: int) -> list[Draft]:
        """Write an answer to every prompt of one batch."""
        self._model.set_adapter(name)
        batch = self._tokenizer(
            list(prompts), return_tensors="pt", padding=True, add_special_tokens=False
        ).to(self._device)
        begun = time.perf_counter()
        with torch.inference_mode():
            out = self._model.generate(
                **batch,
                max_new_tokens=max_tokens,
                do_sample=False,
                eos_token_id=self._end,
                pad_token_id=self._end,
            )
        took = time.perf_counter() - begun
        written = [self._until_end(row) for row in out[:, batch["input_ids"].shape[1] :].tolist()]
        total = max(1, sum(len(ids) + 1 for ids in written))
        return [
            Draft(
                text=self._tokenizer.decode(ids, skip_special_tokens=True),
                tokens=len(ids),
                seconds=took * (len(ids) + 1) / total,
            )
            for ids in written
        ]

    def _until_end(self, ids: list[int]) -> list[int]:
        return ids[: ids.index(self._end)] if self._end in ids else ids

    def _encode(self, prompt: str, answer: str) -> tuple[list[int], int]:
        before = self._tokenizer.encode(prompt, add_special_tokens=False)
        return before + self._tokenizer.encode(answer, add_special_tokens=False), len(before)

    def _losses(self, batch: Sequence[tuple[list[int], int]]) -> list[Loss]:
        width = max(len(ids) for ids, _ in batch)
        ids = torch.full((len(batch), width), self._end)
        attention = torch.zeros(len(batch), width, dtype=torch.long)
        counted = torch.zeros(len(batch), width - 1, dtype=torch.bool)
        for row, (tokens, start) in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            attention[row, : len(tokens)] = 1
            counted[row, start - 1 : len(tokens) - 1] = True
        ids, attention, counted = (x.to(self._device) for x in (ids, attention, counted))
        causal = self._model.get_base_model()
        hidden = causal.model(input_ids=ids, attention_mask=attention).last_hidden_state
        logits = causal.lm_head(hidden[:, :-1][counted])  # no other place is asked for
        nats = torch.zeros(counted.shape, device=self._device)
        nats[counted] = torch.nn.functional.cross_entropy(
            logits.float(), ids[:, 1:][counted], reduction="none"
        )
        return [
            Loss(nats=float(n), tokens=int(c))
            for n, c in zip(nats.sum(dim=1), counted.sum(dim=1), strict=True)
        ]
