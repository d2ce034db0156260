"""From funnel scores to what the ranker reads: per user the best candidates, each with 50 wide and 10 numeric inputs.

The places mean here what the data have: wide holds each funnel's standardised score, its log rank and whether it is
among the funnel's first 20; numeric holds activity, popularity and squashed scores. Nobody asks in words, so the query is
the zero vector, as in a turn without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.errors import ConfigError
from naviyam.features.spec import NUMERIC, WIDE_SIZE

F32 = npt.NDArray[np.float32]
CANDIDATES: Final = 100
FOUND: Final = 20
_LOG_SCALE: Final = 6.0
"""About the logarithm of the most ratings that a user or an item has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lists:
    """Candidate lists, best mean first: `user` [lists], `item` and `label` [lists, c], `dense` [lists, c, 50 + 10 + 1]."""

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    dense: F32
    label: F32

    @property
    def mean_score(self) -> F32:
        """The plain mean of the funnels' standardised scores, for lists made by `make_lists`."""
        return np.asarray(self.dense[..., 0], np.float32)

    @classmethod
    def join(cls, parts: list["Lists"]) -> "Lists":
        """Return all lists of `parts`, in order, cut to the shortest."""
        count = min(p.item.shape[1] for p in parts)
        return cls(
            user=np.concatenate([p.user for p in parts]),
            item=np.concatenate([p.item[:, :count] for p in parts]),
            dense=np.concatenate([p.dense[:, :count] for p in parts]),
            label=np.concatenate([p.label[:, :count] for p in parts]),
        )


def make_lists(scores: Mapping[str, F32], seen: F32, wanted: F32) -> Lists:
    """Return every user's `CANDIDATES` best unseen items by mean score, and which of them are `wanted`.

    Fewer where a user has fewer left. All arrays are [users, items]. Wide place 0 is the mean over the funnels but
    popularity; then come blocks in the order of `scores`: scores, log ranks, found flags.

    Raises:
        ConfigError: there are more funnels than places.
    """
    blocks = 3
    if 1 + blocks * len(scores) > WIDE_SIZE or len(scores) + 1 > len(NUMERIC):
        raise ConfigError(f"{len(scores)} funnels do not fit {WIDE_SIZE} wide places")
    standard = {name: _standardised(score, seen) for name, score in scores.items()}
    personal = [score for name, score in standard.items() if name != "popularity"]
    mean = np.mean(personal, axis=0)
    count = min(CANDIDATES, int((seen == 0).sum(1).min()))
    item = np.argsort(np.where(seen > 0, np.inf, -mean), axis=1, kind="stable")[:, :count]
    score = np.stack([np.take_along_axis(s, item, 1) for s in standard.values()], axis=2)
    rank = np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1, kind="stable")
    n = len(scores)
    dense = np.zeros((*item.shape, WIDE_SIZE + len(NUMERIC) + 1), np.float32)
    dense[..., 0] = np.take_along_axis(mean, item, 1)
    dense[..., 1 : 1 + n] = score
    dense[..., 1 + n : 1 + 2 * n] = -np.log((rank + 1) / FOUND)
    dense[..., 1 + 2 * n : 1 + 3 * n] = rank < FOUND
    dense[..., WIDE_SIZE] = np.log1p(seen.sum(1))[:, None] / _LOG_SCALE
    dense[..., WIDE_SIZE + 1 : WIDE_SIZE + 1 + n] = 0.5 * (1 + np.tanh(0.25 * score - 0.5))
    return Lists(
        user=np.arange(len(seen)),
        item=item,
        dense=dense,
        label=np.take_along_axis(wanted, item, 1).astype(np.float32),
    )


def spread(lists: Lists, scores: F32, n_items: int) -> F32:
    """Return the candidates' scores as [users, items]; what is no candidate comes last."""
    out = np.full((len(lists.user), n_items), np.float32(-1e9), np.float32)
    np.put_along_axis(out, lists.item, scores, 1)
    return out


def _standardised(score: F32, seen: F32) -> F32:
    """Return the scores with mean 0 and variance 1 over each user's unseen items."""
    free = seen == 0
    count = np.maximum(free.sum(1, keepdims=True), 1)
    mean = (score * free).sum(1, keepdims=True) / count
    deviation = np.sqrt((((score - mean) * free) ** 2).sum(1, keepdims=True) / count)
    return np.asarray((score - mean) / np.maximum(deviation, 1e-9), np.float32)
