"""The epochs of the ranker, free of Ray: one process, or one of several that share gradients.

An epoch is seeded by its number, so one that a crash broke off repeats itself exactly.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from naviyam.errors import ConfigError
from naviyam.features.vocabulary import Vocabulary
from training.exchange import ALONE, Exchange, restore, state_of, step_seed
from training.wide_deep.network import Batch, Parts, WideDeep
from training.wide_deep.rows import F32, Rows

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How to learn, the same for an initial and an incremental training."""

    epochs: int
    batch_size: int
    learning_rate: float
    wide_learning_rate: float
    dropout: float
    seed: int
    embedding_l2: float = 0.0
    """Pull of user, shop and brand embeddings to zero, as Adam's weight decay."""

    shuffle_window: int = 65_536
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is learned besides the rows themselves. `start` None begins with the seed's weights."""

    vocabulary: Vocabulary
    queries: F32
    late: Rows
    """Validation rows: not trained on, they pick the epoch that is kept."""

    mean_weight: float
    rates: Rates
    start: Tensors | None = None
    parts: Parts = "both"

    def start_digest(self) -> str:
        """Return a digest of the weights it begins with."""
        digest = blake2b(digest_size=16)
        for name, tensor in sorted((self.start or {}).items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows as tensors, shuffled together."""

    batch: Batch
    label: torch.Tensor
    weight: torch.Tensor

    def take(self, index: torch.Tensor) -> "Window":
        """Return the rows at `index`."""
        return Window(
            batch=self.batch.take(index), label=self.label[index], weight=self.weight[index]
        )


Windows = Callable[[], Iterable[Window]]
"""Gives one epoch's rows in a fixed order, a window at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The weights of the best epoch, the mean training loss of every epoch, the validation losses."""

    tensors: Tensors
    losses: tuple[float, ...]
    validation: tuple[float, ...]


class Trainee:
    """The network with its optimiser, in one of `exchange.world` processes."""

    def __init__(self, task: Task, *, exchange: Exchange = ALONE) -> None:
        torch.set_num_threads(task.rates.threads)
        torch.manual_seed(task.rates.seed)
        self.task, self.exchange = task, exchange
        self.network = WideDeep(
            task.vocabulary, query_dimension=task.queries.shape[1], dropout=task.rates.dropout
        )
        if task.start is not None:
            self.network.load_state_dict(dict(task.start))
        self.network.keep_only(task.parts)
        self._module = exchange.wrap(self.network)
        self._device = self.network.wide.weight.device
        self._optimizer = optimizer_of(self.network, task.rates)
        self._late = window_of(task.late, task).batch, *_targets(task.late, task)
        self.losses: list[float] = []
        self.validation: list[float] = []
        self._best: dict[str, torch.Tensor] = tensors_of(self.network)

    def fit(
        self,
        windows: Windows,
        *,
        after: Callable[["Trainee"], None] = lambda _: None,
        restored: Mapping[str, Any] | None = None,
    ) -> Fitted:
        """Run the epochs after those of `restored`; `after` is called at the end of each."""
        if restored is not None:
            restore(self._module, self._optimizer, dict(restored))
            self.losses, self.validation = list(restored["losses"]), list(restored["validation"])
            self._best = dict(restored["best"])
        while len(self.losses) < self.task.rates.epochs:
            self.losses.append(self._epoch(windows()))
            loss = self._validate()
            if loss < min(self.validation, default=math.inf):
                self._best = {k: v.clone() for k, v in tensors_of(self.network).items()}
            self.validation.append(loss)
            after(self)
        return Fitted(
            tensors=self._best, losses=tuple(self.losses), validation=tuple(self.validation)
        )

    def state(self) -> dict[str, Any]:
        """Return a checkpoint (whole on rank 0); every process must call it."""
        return {
            **state_of(self._module, self._optimizer),
            "losses": list(self.losses),
            "validation": list(self.validation),
            "best": dict(self._best),
        }

    def _epoch(self, windows: Iterable[Window]) -> float:
        """Learn from every row once; return the mean loss over all processes."""
        rates, exchange = self.task.rates, self.exchange
        torch.manual_seed(step_seed(rates.seed, len(self.losses), exchange.rank))
        self._module.train()
        size = max(1, rates.batch_size // exchange.world)
        total = torch.zeros((), device=self._device)
        rows = 0
        for window in windows:
            window = _to(window, self._device)
            for index in torch.split(torch.randperm(len(window.label)), size):
                batch = window.take(index)
                self._optimizer.zero_grad(set_to_none=True)
                loss = nn.functional.binary_cross_entropy_with_logits(
                    self._module(batch.batch), batch.label, weight=batch.weight
                )
                loss.backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
                total += loss.detach() * len(index)
            rows += len(window.label)
        sums = exchange.total(torch.stack([total, total.new_tensor(float(rows))]))
        mean = float(sums[0]) / max(float(sums[1]), 1.0)
        if not math.isfinite(mean):
            raise ConfigError("the loss is not finite; lower ranker_training.learning_rate")
        return mean

    def _validate(self) -> float:
        self.network.eval()
        batch, label, weight = self._late
        with torch.inference_mode():
            loss = nn.functional.binary_cross_entropy_with_logits(
                self.network(batch.to(self._device)).cpu(), label, weight=weight
            )
        return float(loss)


def windows_of(rows: Rows, task: Task) -> Windows:
    """Return rows in memory as windows in their order; where one holds them all it is made once."""
    size = task.rates.shuffle_window
    if len(rows) <= size:
        whole = [window_of(rows, task)]
        return lambda: whole

    def stream() -> Iterator[Window]:
        for begin in range(0, len(rows), size):
            yield window_of(rows.take(slice(begin, begin + size)), task)  # type: ignore[arg-type]

    return stream


def window_of(rows: Rows, task: Task) -> Window:
    """Return rows as tensors, one query per row."""
    queries = _tensor(task.queries)[_tensor(rows.query)]
    dense = torch.cat([_tensor(rows.wide), _tensor(rows.numeric), queries], dim=1)
    label, weight = _targets(rows, task)
    batch = Batch(dense=dense, ids=_tensor(rows.ids))
    return Window(batch=batch, label=label, weight=weight)


def optimizer_of(network: WideDeep, rates: Any) -> torch.optim.Optimizer:
    """Return Adam with a rate of its own for the wide part, as Cheng et al. 2016 train the parts apart.

    At the rate of the embeddings its few weights hardly leave their start, and shop ids learn in their stead what
    distance and price could have said of every shop.
    """
    tables = [network.user.weight, network.shop.weight, network.brand.weight]
    wide = [network.wide.weight]
    apart = {id(p) for p in (*tables, *wide)}
    rest = [p for p in network.parameters() if id(p) not in apart]
    groups: list[dict[str, Any]] = [
        {"params": rest},
        {"params": tables, "weight_decay": getattr(rates, "embedding_l2", 0.0)},
        {"params": wide, "lr": rates.wide_learning_rate},
    ]
    return torch.optim.Adam(groups, lr=rates.learning_rate, fused=True)


def tensors_of(network: WideDeep) -> dict[str, torch.Tensor]:
    """Return the parameters by name, contiguous float32, as `ranker.artifact.shapes` lists them."""
    return {k: v.detach().contiguous().float().cpu() for k, v in network.state_dict().items()}


def _targets(rows: Rows, task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    return _tensor(rows.label), _tensor(rows.weight) / task.mean_weight


def _tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return an array as a tensor; one from Ray's object store may not be written to and is copied."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _to(window: Window, device: torch.device) -> Window:
    if device.type == "cpu":
        return window
    return Window(
        batch=window.batch.to(device),
        label=window.label.to(device),
        weight=window.weight.to(device),
    )
