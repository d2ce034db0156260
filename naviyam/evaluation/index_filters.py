"""What filters leave of a search, by strategy: filtered inside an index, by the service's choice, or afterwards."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.evaluation.index_served import K, Vectors, ms, recall, served
from naviyam.retrieval.ann import Ann, Kind
from naviyam.retrieval.dense import top
from naviyam.settings import Retrieval

Mask = npt.NDArray[np.bool_]

SHARES = (0.5, 0.2, 0.1, 0.05, 0.01, 0.001)
"""Shares of all rows that random filters leave; a filter of exactly `K` rows comes on top."""

_UNLIKE = "unlike 10 %"
_INSIDE_SHARE = 0.05
"""Filters that leave less are not searched inside the index: a walk would visit most of the graph."""

_POST = 5
"""The plain way takes so many times `K` first and filters afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """One filter, one strategy: `service` is what serves, `inside` the index alone, `after` filters what it found."""

    rows: int
    kind: str
    mask: str
    allowed: int
    strategy: str
    recall_at_20: float
    least_found: int
    """The fewest of the `min(K, allowed)` shops that any query got."""

    p50_ms: float


def measure_filters(
    ann: Ann,
    kind: Kind,
    vectors: Vectors,
    queries: Vectors,
    cosines: Vectors,
    settings: Retrieval,
    *,
    seed: int,
) -> list[Filtered]:
    """Return every filter under every strategy; `cosines` float32 [q, n] are the exact ones."""
    service = served(ann, vectors, settings)
    inside = served(ann, vectors, settings, direct_up_to=0)
    out = []
    for name, masks in _masks(cosines, seed=seed):
        allowed = int(masks[0].sum())
        wanted = min(K, allowed)
        truth = [np.flatnonzero(m)[top(c[m], wanted)] for c, m in zip(cosines, masks, strict=False)]
        strategies = [("service", service)]
        if allowed >= _INSIDE_SHARE * len(vectors):
            strategies.append(("inside", inside))
        for strategy, dense in strategies:
            found, times = [], []
            for query, mask in zip(queries, masks, strict=False):
                began = time.perf_counter()
                found.append(dense.search(query, mask, K)[0])
                times.append(time.perf_counter() - began)
            out.append(_filtered(ann, kind, name, allowed, strategy, (found, truth, times)))
        found, times = [], []
        for query, mask in zip(queries, masks, strict=False):
            began = time.perf_counter()
            rows = ann.search(query[None, :], _POST * K)[0]
            found.append(rows[mask[rows]][:K])
            times.append(time.perf_counter() - began)
        out.append(_filtered(ann, kind, name, allowed, "after", (found, truth, times)))
    return out


def _filtered(
    ann: Ann, kind: Kind, name: str, allowed: int, strategy: str, outcome: tuple[Any, Any, Any]
) -> Filtered:
    found, truth, times = outcome
    return Filtered(
        rows=ann.rows, kind=kind, mask=name, allowed=allowed, strategy=strategy,
        recall_at_20=recall(found, truth), least_found=min(len(f) for f in found), p50_ms=ms(times, 50),
    )  # fmt: skip


def _masks(cosines: Vectors, *, seed: int) -> list[tuple[str, list[Mask]]]:
    """Return named filters, one mask a query: random shares, exactly `K` rows, and the tenth least like the query."""
    rng = np.random.default_rng(seed)
    count, size = cosines.shape
    out: list[tuple[str, list[Mask]]] = []
    for name, allowed in [
        *((f"{share:.1%}", max(K, int(share * size))) for share in SHARES), (f"{K} rows", K),
    ]:  # fmt: skip
        mask = np.zeros(size, np.bool_)
        mask[rng.choice(size, allowed, replace=False)] = True
        out.append((name, [mask] * count))
    tenth = size // 10
    unlike = [row <= np.partition(row, tenth)[tenth] for row in cosines[:20]]
    out.append((_UNLIKE, unlike))
    return out
