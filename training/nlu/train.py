"""The training loop: AdamW over a small network on embeddings, marks and n-grams, and a temperature for its confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from naviyam.nlu.classifier import INTENTS
from naviyam.request import Intent

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NluTraining:
    """Hyperparameters, chosen on the development utterances. `balance` is the power of the inverse class frequencies."""

    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    label_smoothing: float = 0.05
    balance: float = 0.7
    hidden: int = 64
    networks: int = 4
    """Trained from as many seeds and averaged before the softmax: one alone decides a message in fifty by chance."""

    dropout: float = 0.3
    small_talk: int = 1_500
    held_out: float = 0.1
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Weights in `Classifier`'s shapes, and how they do on what was held out."""

    weights: dict[str, F32]
    network: torch.nn.Module
    held_out_accuracy: float
    held_out: int


def train(dense: F32, grams: F32, intents: Sequence[Intent], config: NluTraining) -> Trained:
    """Train on embeddings with marks [n, d] and n-grams [n, BUCKETS]; the same inputs and seed give the same weights."""
    torch.manual_seed(config.seed)
    order = torch.randperm(len(intents)).tolist()
    cut = max(1, round(len(order) * config.held_out))
    held, kept = order[:cut], order[cut:]
    x = torch.from_numpy(np.concatenate([dense, grams], axis=1))
    y = labels(intents)
    parts = []
    for seed in range(config.seed, config.seed + config.networks):
        torch.manual_seed(seed)
        parts.append(_Layers.new(x.shape[1], config.hidden))
        _fit(parts[-1].network(config.dropout), x, y, kept, config)
    whole = _together(parts)
    network = whole.network(0.0).eval()
    with torch.no_grad():
        right = (network(x[held]).argmax(1) == y[held]).float().mean()
    matrix = _array(whole.first.weight).T
    size = dense.shape[1]
    return Trained(
        weights={
            "dense": np.ascontiguousarray(matrix[:size]),
            "grams": np.ascontiguousarray(matrix[size:]),
            "hidden_bias": _array(whole.first.bias),
            "out": np.ascontiguousarray(_array(whole.last.weight).T),
            "out_bias": _array(whole.last.bias),
        },
        network=network,
        held_out_accuracy=float(right),
        held_out=len(held),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Layers:
    """The two layers of one network."""

    first: torch.nn.Linear
    last: torch.nn.Linear

    @classmethod
    def new(cls, inputs: int, hidden: int) -> Self:
        return cls(torch.nn.Linear(inputs, hidden), torch.nn.Linear(hidden, len(INTENTS)))

    def network(self, dropout: float) -> torch.nn.Module:
        return torch.nn.Sequential(
            self.first, torch.nn.ReLU(), torch.nn.Dropout(dropout), self.last
        )


def _together(parts: Sequence[_Layers]) -> _Layers:
    """Return one wider network whose logits are the mean of the parts' logits."""
    whole = _Layers.new(parts[0].first.in_features, sum(p.first.out_features for p in parts))
    with torch.no_grad():
        whole.first.weight.copy_(torch.cat([p.first.weight for p in parts]))
        whole.first.bias.copy_(torch.cat([p.first.bias for p in parts]))
        whole.last.weight.copy_(torch.cat([p.last.weight for p in parts], dim=1) / len(parts))
        whole.last.bias.copy_(torch.stack([p.last.bias for p in parts]).mean(0))
    return whole


def fit_temperature(network: torch.nn.Module, x: F32, intents: Sequence[Intent]) -> float:
    """Return the divisor of the logits with the least loss (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
    y = labels(intents)
    with torch.no_grad():
        logits = network(torch.from_numpy(x))
    tried = np.geomspace(0.2, 5.0, 80)
    losses = [float(torch.nn.functional.cross_entropy(logits / t, y)) for t in tried]
    return float(tried[int(np.argmin(losses))])


def labels(intents: Sequence[Intent]) -> torch.Tensor:
    """Return the places of the intents in `INTENTS`."""
    return torch.tensor([INTENTS.index(i) for i in intents])


def _fit(
    network: torch.nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    kept: list[int],
    config: NluTraining,
) -> None:
    counts = torch.bincount(y[kept], minlength=len(INTENTS)).clamp(min=1).float()
    loss_of = torch.nn.CrossEntropyLoss(
        weight=(counts.mean() / counts) ** config.balance, label_smoothing=config.label_smoothing
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    network.train()
    for _ in range(config.epochs):
        shuffled = torch.tensor(kept)[torch.randperm(len(kept))]
        for start in range(0, len(kept), config.batch_size):
            batch = shuffled[start : start + config.batch_size]
            loss = loss_of(network(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()


def _array(parameter: torch.Tensor) -> F32:
    return parameter.detach().numpy().astype(np.float32)
