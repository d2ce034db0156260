"""What is searched: a range or a list for each hyperparameter, and why. Values only; no Ray, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Any number of a range, evenly in its logarithm."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few values."""

    values: tuple[float, ...]


Space = Mapping[str, Between | OneOf]

LORA: Final[Space] = {
    "learning_rate": Between(low=2e-5, high=2e-3),
    "rank": OneOf((4, 8, 16)),
    "alpha": OneOf((8, 16, 32, 64)),
    "dropout": OneOf((0.0, 0.05, 0.1, 0.2)),
    "epochs": OneOf((2, 3, 4)),
}
"""Small bases want ten times the learning rate of large ones, so the range holds spec 3's 1e-4 and the 1e-3 that taught
the packaged base. No rank above 16: an engine with a merged champion loads twice the rank, `llm.max_lora_rank` is 32."""

LORA_AGAIN: Final[Space] = {k: v for k, v in LORA.items() if k not in ("rank", "alpha")}
"""With a parent: an adapter goes on in its own shape."""

RANKER: Final[Space] = {
    "learning_rate": Between(low=1e-4, high=5e-3),
    "wide_learning_rate": Between(low=5e-3, high=1e-1),
    "dropout": OneOf((0.1, 0.2, 0.3, 0.4, 0.5)),
    "batch_size": OneOf((16, 32, 64, 128)),
    "embedding_l2": Between(low=1e-7, high=1e-3),
}
"""The epochs are not searched: the best one of `ranker_training.epochs` is kept anyway. `embedding_l2` is the one brake on
ids that were seen once or twice."""
