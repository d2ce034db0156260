"""Samples as tokens, the seeded plan of optimiser steps, and each process's share of one. No model, no files."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from training.lora.data import Sample


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt and answer; the answer begins at `answer_from`."""

    ids: list[int]
    answer_from: int

    @property
    def answer_tokens(self) -> int:
        return len(self.ids) - self.answer_from


EMPTY = Encoded([0, 0], 1)
"""Stands in where a process has no sample of a step, and counts nothing."""

Micro = list[Encoded]
Step = list[Micro]
"""What one optimiser step learns from, in batches of like length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's part of a step: as many batches in every process; `counted` of them hold samples."""

    micros: tuple[Micro, ...]
    counted: int


def encode(tokenizer: Any, sample: Sample) -> Encoded:
    """Return a sample's tokens, none added."""
    prompt = tokenizer.encode(sample.prompt, add_special_tokens=False)
    answer = tokenizer.encode(sample.completion, add_special_tokens=False)
    return Encoded(prompt + answer, len(prompt))


def plan_epoch(
    encoded: Sequence[Encoded], *, batch_size: int, accumulation: int, rng: random.Random
) -> Iterator[Step]:
    """Yield an epoch's steps: batches of like length (little padding), `accumulation` of them at a time."""
    pool = list(encoded)
    rng.shuffle(pool)
    span = batch_size * 16
    batches: list[Micro] = []
    for begin in range(0, len(pool), span):
        near = sorted(pool[begin : begin + span], key=lambda e: len(e.ids))
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    rng.shuffle(batches)
    for begin in range(0, len(batches), accumulation):
        yield batches[begin : begin + accumulation]


def share_of(step: Step, *, rank: int, world: int, batch_size: int) -> Share:
    """Return what process `rank` computes of a step: whole batches where they can be dealt evenly, else samples.

    The union over all ranks is the step itself: the number of processes changes the speed and nothing else.
    """
    if len(step) % world == 0:
        mine = step[rank::world]
        return Share(micros=tuple(mine), counted=len(mine))
    samples = [e for micro in step for e in micro]
    own = sorted(samples[rank::world], key=lambda e: len(e.ids))
    chunks = [own[i : i + batch_size] for i in range(0, len(own), batch_size)]
    most = math.ceil(math.ceil(len(samples) / world) / batch_size)
    return Share(
        micros=tuple(chunks + [[EMPTY]] * (most - len(chunks))),
        counted=len(chunks),
    )


def collate(
    batch: Sequence[Encoded], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, ...]:
    """Return ids [n, width], attention [n, width] and which ids are the answer's [n, width]."""
    width = max(len(e.ids) for e in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    attention = torch.zeros(len(batch), width, dtype=torch.long)
    wanted = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, e in enumerate(batch):
        ids[row, : len(e.ids)] = torch.tensor(e.ids)
        attention[row, : len(e.ids)] = 1
        wanted[row, e.answer_from : len(e.ids)] = True
    return ids.to(device), attention.to(device), wanted.to(device)
