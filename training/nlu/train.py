"""The training loop: AdamW over a small network on embeddings, marks and n-grams, and a temperature for its confidence.

Free of Ray: one process, or one of several that share gradients. An epoch is seeded by its number, so one that a crash
broke off repeats itself exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from naviyam.nlu.classifier import INTENTS
from naviyam.nlu.features import BUCKETS
from naviyam.request import Intent
from training.exchange import ALONE, Exchange, restore, state_of, step_seed

F32 = npt.NDArray[np.float32]
Tensors = Mapping[str, torch.Tensor]


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """Messages [n] to learn from: `dense` [n, d] is embeddings with marks, `grams` [n, BUCKETS / 8] their n-grams as bits."""

    dense: F32
    grams: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    """Places in `INTENTS`."""

    config: NluTraining

    @classmethod
    def of(cls, dense: F32, grams: F32, intents: Sequence[Intent], config: NluTraining) -> Self:
        """Return a task over n-grams as `ngram_matrix` gives them."""
        return cls(
            dense=dense,
            grams=np.packbits(grams > 0, axis=1),
            labels=labels(intents).numpy(),
            config=config,
        )

    def matrix(self) -> F32:
        """Return what the network reads [n, d + BUCKETS]."""
        held = np.unpackbits(self.grams, axis=1, count=BUCKETS)
        length = np.sqrt(np.maximum(held.sum(axis=1, dtype=np.int64, keepdims=True), 1))
        return np.concatenate([self.dense, held * (1 / length).astype(np.float32)], axis=1)

    def digest(self) -> str:
        """Return a digest of everything it holds but the configuration."""
        digest = blake2b(digest_size=16)
        for array in (self.dense, self.grams, self.labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Weights in `Classifier`'s shapes, and how they do on what was held out."""

    weights: dict[str, F32]
    network: torch.nn.Module
    held_out_accuracy: float
    held_out: int


class Networks(torch.nn.Module):
    """As many networks as `config.networks`, each from a seed of its own; nothing is shared between them."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        config, inputs = task.config, task.dense.shape[1] + BUCKETS
        self.parts = torch.nn.ModuleList()
        for seed in range(config.seed, config.seed + config.networks):
            torch.manual_seed(seed)
            self.parts.append(
                torch.nn.Sequential(
                    torch.nn.Linear(inputs, config.hidden),
                    torch.nn.ReLU(),
                    torch.nn.Dropout(config.dropout),
                    torch.nn.Linear(config.hidden, len(INTENTS)),
                )
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return every network's logits [networks, n, intents]."""
        return torch.stack([part(x) for part in self.parts])

    def together(self) -> torch.nn.Sequential:
        """Return one wider network whose logits are the mean of theirs."""
        first, last = ([_linear(part, name) for part in self.parts] for name in ("0", "3"))
        size = sum(layer.out_features for layer in first)
        wide = torch.nn.Linear(first[0].in_features, size)
        out = torch.nn.Linear(size, len(INTENTS))
        with torch.no_grad():
            wide.weight.copy_(torch.cat([layer.weight for layer in first]))
            wide.bias.copy_(torch.cat([layer.bias for layer in first]))
            out.weight.copy_(torch.cat([layer.weight for layer in last], dim=1) / len(last))
            out.bias.copy_(torch.stack([layer.bias for layer in last]).mean(0))
        return torch.nn.Sequential(wide, torch.nn.ReLU(), out).eval()


class Trainee:
    """The networks with their optimiser, in one of `exchange.world` processes. The same task gives the same weights."""

    def __init__(self, task: Task, *, exchange: Exchange = ALONE) -> None:
        config = task.config
        self.config, self.exchange = config, exchange
        self.epoch = 0
        self._kept = _parts(task)[1]
        self._network = Networks(task)
        self._module = exchange.wrap(self._network)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        device = next(self._network.parameters()).device
        self._x = torch.from_numpy(task.matrix()).to(device)
        self._y = torch.tensor(task.labels, device=device)
        counts = torch.bincount(self._y[self._kept], minlength=len(INTENTS)).clamp(min=1).float()
        self._weight = (counts.mean() / counts) ** config.balance

    def fit(
        self,
        *,
        after: Callable[["Trainee"], None] = lambda _: None,
        restored: Mapping[str, Any] | None = None,
    ) -> Tensors:
        """Run the epochs after those of `restored` and return the weights; `after` is called at the end of each."""
        if restored is not None:
            restore(self._module, self._optimizer, dict(restored))
            self.epoch = int(restored["epoch"])
        while self.epoch < self.config.epochs:
            self._learn()
            self.epoch += 1
            after(self)
        return {k: v.detach().float().cpu() for k, v in self._network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Return a checkpoint (whole on rank 0); every process must call it."""
        return {**state_of(self._module, self._optimizer), "epoch": self.epoch}

    def _learn(self) -> None:
        """Learn from every kept message once; a batch is dealt out to the processes."""
        config, exchange = self.config, self.exchange
        torch.manual_seed(step_seed(config.seed, self.epoch, exchange.rank))
        same = torch.Generator().manual_seed(step_seed(config.seed, self.epoch, 0))
        shuffled = self._kept[torch.randperm(len(self._kept), generator=same)]
        self._module.train()
        for batch in torch.split(shuffled, config.batch_size):
            mine = batch[exchange.rank :: exchange.world]
            loss = torch.nn.functional.cross_entropy(
                self._module(self._x[mine]).flatten(0, 1),
                self._y[mine].repeat(config.networks),
                weight=self._weight,
                label_smoothing=config.label_smoothing,
                reduction="sum",
            )
            # The exchange takes the mean over processes, the batch wants its own weighted mean.
            loss = loss * exchange.world / self._weight[self._y[batch]].sum()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()


def finished(task: Task, tensors: Tensors) -> Trained:
    """Return fitted weights as the classifier reads them, measured on what was held out."""
    networks = Networks(task)
    networks.load_state_dict(dict(tensors))
    network = networks.together()
    held = _parts(task)[0]
    with torch.no_grad():
        best = network(torch.from_numpy(task.matrix()[held.numpy()])).argmax(1)
    right = (best == torch.tensor(task.labels)[held]).float().mean()
    first, last = (_linear(network, name) for name in ("0", "2"))
    matrix, size = _array(first.weight).T, task.dense.shape[1]
    return Trained(
        weights={
            "dense": np.ascontiguousarray(matrix[:size]),
            "grams": np.ascontiguousarray(matrix[size:]),
            "hidden_bias": _array(first.bias),
            "out": np.ascontiguousarray(_array(last.weight).T),
            "out_bias": _array(last.bias),
        },
        network=network,
        held_out_accuracy=float(right),
        held_out=len(held),
    )


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


def _parts(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which messages are held out and which are learned from, drawn by the seed."""
    drawn = torch.Generator().manual_seed(task.config.seed)
    order = torch.randperm(len(task.labels), generator=drawn)
    cut = max(1, round(len(order) * task.config.held_out))
    return order[:cut], order[cut:]


def _linear(network: torch.nn.Module, name: str) -> torch.nn.Linear:
    layer = network.get_submodule(name)
    assert isinstance(layer, torch.nn.Linear)
    return layer


def _array(parameter: Any) -> F32:
    array: F32 = parameter.detach().numpy().astype(np.float32)
    return array
