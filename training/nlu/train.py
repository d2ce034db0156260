"""The training loop: Adam over a softmax on embeddings and n-grams, and a temperature fitted on held-out examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from naviyam.nlu.classifier import INTENTS
from naviyam.request import Intent

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NluTraining:
    """Hyperparameters; `held_out` is the share kept for the temperature and the printed figures."""

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-2
    weight_decay: float = 1e-3
    small_talk: int = 3_000
    held_out: float = 0.1
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Weights in `Classifier`'s shapes, and how they do on what was held out."""

    dense: F32
    grams: F32
    bias: F32
    temperature: float
    held_out_accuracy: float
    held_out_loss: float
    held_out: int


def train(
    dense: F32, grams: F32, intents: Sequence[Intent], config: NluTraining
) -> Trained:
    """Train on embeddings with marks [n, d] and n-grams [n, BUCKETS]; the same inputs and seed give the same weights."""
    torch.manual_seed(config.seed)
    order = torch.randperm(len(intents)).tolist()
    cut = max(1, round(len(order) * config.held_out))
    held, kept = order[:cut], order[cut:]
    x = torch.from_numpy(np.concatenate([dense, grams], axis=1))
    y = torch.tensor([INTENTS.index(i) for i in intents])
    layer = torch.nn.Linear(x.shape[1], len(INTENTS))
    torch.nn.init.zeros_(layer.weight)
    counts = torch.bincount(y[kept], minlength=len(INTENTS)).clamp(min=1).float()
    weights = (counts.mean() / counts).sqrt()
    optimizer = torch.optim.AdamW(
        layer.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    for _ in range(config.epochs):
        shuffled = [kept[i] for i in torch.randperm(len(kept)).tolist()]
        for start in range(0, len(shuffled), config.batch_size):
            batch = shuffled[start : start + config.batch_size]
            loss = torch.nn.functional.cross_entropy(layer(x[batch]), y[batch], weight=weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        logits = layer(x[held])
    temperature = _temperature(logits, y[held])
    loss = torch.nn.functional.cross_entropy(logits / temperature, y[held])
    matrix = layer.weight.detach().numpy().T.astype(np.float32)
    size = dense.shape[1]
    return Trained(
        dense=np.ascontiguousarray(matrix[:size]),
        grams=np.ascontiguousarray(matrix[size:]),
        bias=layer.bias.detach().numpy().astype(np.float32),
        temperature=temperature,
        held_out_accuracy=float((logits.argmax(1) == y[held]).float().mean()),
        held_out_loss=float(loss),
        held_out=len(held),
    )


def _temperature(logits: torch.Tensor, y: torch.Tensor) -> float:
    """Return the divisor of the logits with the least loss (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
    tried = np.geomspace(0.3, 5.0, 60)
    losses = [float(torch.nn.functional.cross_entropy(logits / t, y)) for t in tried]
    return float(tried[int(np.argmin(losses))])
