"""Exact search against HNSW and IVF: time to build, bytes, latency, recall, and what filters leave. No texts, no files kept.

Larger catalogues than there are shops are grown from real and recombined ones (`grown`): the figures compare
indexes over vectors of a realistic spread; they say nothing about shops.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from naviyam.evaluation.index_filters import Filtered, measure_filters
from naviyam.evaluation.index_served import K, Vectors, ms, recall, served, times
from naviyam.retrieval.ann import FILE, Ann, Kind
from naviyam.retrieval.dense import Dense, top
from naviyam.settings import Retrieval

BATCH = 64
_EFFORT: Mapping[Kind, tuple[int, ...]] = {
    "hnsw": (64, 128, 256, 512, 1_024),
    "ivf": (8, 32, 64, 128, 256),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One index at one size. Latencies in milliseconds for one query at a time, `batch_ms` per query of a batch."""

    rows: int
    kind: str
    build_s: float
    load_s: float
    index_bytes: int
    p50_ms: float
    p95_ms: float
    batch_ms: float
    recall_at_20: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Recall against latency of one index; `effort` is efSearch or lists read."""

    rows: int
    kind: str
    effort: int
    recall_at_20: float
    p50_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All of one size."""

    built: tuple[Built, ...]
    efforts: tuple[Effort, ...]
    filtered: tuple[Filtered, ...]


def grown(base: Vectors, count: int, *, seed: int) -> Vectors:
    """Return `count` unit vectors: `base`, then convex mixes of two of its rows (up to 40 % of the second) and noise.

    The noise has a tenth of the length, so that no two rows tie and neighbours stay neighbours.
    """
    rng = np.random.default_rng(seed)
    out = np.empty((count, base.shape[1]), np.float32)
    known = min(len(base), count)
    out[:known] = base[:known]
    scale = 0.1 / np.sqrt(base.shape[1])
    for start in range(known, count, 16_384):
        part = out[start : start + 16_384]
        first, second = rng.integers(0, len(base), (2, len(part)))
        share = rng.uniform(0, 0.4, (len(part), 1)).astype(np.float32)
        part[:] = (1 - share) * base[first] + share * base[second]
        part += scale * rng.standard_normal(part.shape, np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return out


def measure(
    vectors: Vectors,
    queries: Vectors,
    settings: Retrieval,
    *,
    seed: int,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Measured:
    """Measure all three indexes over `vectors` float32 [n, d] with `queries` float32 [q, d], one thread."""
    cosines = _cosines(vectors, queries)
    truth = np.stack([top(row, K) for row in cosines])
    built = [_exact(vectors, queries, settings)]
    efforts: list[Effort] = []
    filtered: list[Filtered] = []
    for kind in ("hnsw", "ivf"):
        say(f"{kind} over {len(vectors):,} vectors")
        began = time.perf_counter()
        ann = Ann.build(kind, vectors, settings)
        build_s = time.perf_counter() - began
        ann, load_s, size = _reloaded(ann, settings, folder)
        built.append(_built(ann, vectors, queries, truth, settings, (build_s, load_s, size)))
        efforts += _efforts(ann, kind, queries, truth, settings)
        filtered += measure_filters(ann, kind, vectors, queries, cosines, settings, seed=seed)
    return Measured(built=tuple(built), efforts=tuple(efforts), filtered=tuple(filtered))


def _cosines(vectors: Vectors, queries: Vectors) -> Vectors:
    out = np.empty((len(queries), len(vectors)), np.float32)
    for start in range(0, len(vectors), 65_536):
        part = slice(start, start + 65_536)
        out[:, part] = queries @ vectors[part].T
    return out


def _exact(vectors: Vectors, queries: Vectors, settings: Retrieval) -> Built:
    dense = Dense(vectors, settings.model_copy(update={"exact_up_to": len(vectors)}))
    every = np.ones(len(vectors), np.bool_)
    taken = times(lambda query: dense.search(query, every, K), queries)
    began = time.perf_counter()
    batch = _cosines(vectors, queries[:BATCH])
    for row in batch:
        top(row, K)
    batch_s = time.perf_counter() - began
    return Built(
        rows=len(vectors), kind="exact", build_s=0.0, load_s=0.0, index_bytes=0,
        p50_ms=ms(taken, 50), p95_ms=ms(taken, 95),
        batch_ms=round(batch_s * 1_000 / len(batch), 3), recall_at_20=1.0,
    )  # fmt: skip


def _built(
    ann: Ann,
    vectors: Vectors,
    queries: Vectors,
    truth: npt.NDArray[np.intp],
    settings: Retrieval,
    costs: tuple[float, float, int],
) -> Built:
    dense = served(ann, vectors, settings)
    every = np.ones(len(vectors), np.bool_)
    found = [dense.search(query, every, K)[0] for query in queries]
    taken = times(lambda query: dense.search(query, every, K), queries)
    began = time.perf_counter()
    ann.search(queries[:BATCH], K)
    batch_s = time.perf_counter() - began
    build_s, load_s, size = costs
    return Built(
        rows=len(vectors), kind=ann.kind, build_s=round(build_s, 1), load_s=round(load_s, 2), index_bytes=size,
        p50_ms=ms(taken, 50), p95_ms=ms(taken, 95),
        batch_ms=round(batch_s * 1_000 / len(queries[:BATCH]), 3), recall_at_20=recall(found, truth),
    )  # fmt: skip


def _reloaded(ann: Ann, settings: Retrieval, folder: Path | None) -> tuple[Ann, float, int]:
    """Save and load an index; return the loaded one, the seconds of loading, the bytes."""
    kind = ann.kind
    with tempfile.TemporaryDirectory(dir=folder) as name:
        ann.save(Path(name))
        del ann
        size = (Path(name) / FILE).stat().st_size
        began = time.perf_counter()
        loaded = Ann.load(kind, Path(name), settings)
        return loaded, time.perf_counter() - began, size


def _efforts(
    ann: Ann,
    kind: Kind,
    queries: Vectors,
    truth: npt.NDArray[np.intp],
    settings: Retrieval,
) -> list[Effort]:
    key = "hnsw_search" if kind == "hnsw" else "ivf_probe"
    out = []
    for effort in _EFFORT[kind]:
        tuned = ann.tuned(settings.model_copy(update={key: effort}))
        found = list(tuned.search(queries, K))
        taken = times(partial(_one, tuned), queries)
        out.append(
            Effort(rows=ann.rows, kind=kind, effort=effort, recall_at_20=recall(found, truth), p50_ms=ms(taken, 50))
        )  # fmt: skip
    return out


def _one(ann: Ann, query: Vectors) -> object:
    return ann.search(query[None, :], K)
