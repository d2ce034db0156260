"""Layer 1 over a matrix of who rated what: each funnel gives every user a score for every item. numpy and scipy.

The funnels are the baselines too. Each has the settings it is tuned over, at most eight, as many as the ranker has.
`score(seen, seed, **setting)` takes and returns [users, items] and is deterministic for a seed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

F32 = npt.NDArray[np.float32]
Setting = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """A way to score, and the settings to choose among."""

    name: str
    score: Callable[..., F32]
    settings: Sequence[Setting]


def popularity(seen: F32, seed: int) -> F32:
    """How many rated the item."""
    return np.broadcast_to(seen.sum(0), seen.shape).astype(np.float32)


def user_knn(seen: F32, seed: int, *, neighbours: int, power: float) -> F32:
    """User-based neighbours: cosine ** power over the nearest."""
    unit = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, 0)
    most = min(neighbours, len(seen) - 1)
    least = -np.partition(-cosine, most, axis=1)[:, most - 1 : most]
    return np.asarray((np.where(cosine >= least, cosine, 0) ** power) @ seen, np.float32)


def svd(seen: F32, seed: int, *, factors: int) -> F32:
    """PureSVD (Cremonesi et al. 2010)."""
    items = _singular(seen, factors, seed)
    return np.asarray((seen @ items.T) @ items, np.float32)


def ease(seen: F32, seed: int, *, regularization: float, dropout: float = 0.0) -> F32:
    """EASE^R in closed form (Steck 2019); with a dropout the denoising EDLAE (Steck 2020)."""
    gram = (seen.T @ seen).astype(np.float64)
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += regularization + dropout / (1 - dropout) * gram[diagonal]
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return np.asarray(seen @ weights.astype(np.float32), np.float32)


def rp3beta(seen: F32, seed: int, *, beta: float) -> F32:
    """Three-step walks on users and items, damped by popularity (Paudel et al. 2017)."""
    by_user = seen / np.maximum(seen.sum(1, keepdims=True), 1)
    by_item = seen.T / np.maximum(seen.sum(0)[:, None], 1)
    walk = by_item @ by_user
    np.fill_diagonal(walk, 0)
    return np.asarray((seen @ walk) / np.maximum(seen.sum(0), 1) ** beta, np.float32)


def gf_cf(seen: F32, seed: int, *, factors: int, ideal: float) -> F32:
    """Graph filter: one linear step and `ideal` times an ideal low pass (Shen et al. 2021)."""
    by_item = np.sqrt(np.maximum(seen.sum(0), 1))
    normal = seen / np.sqrt(np.maximum(seen.sum(1, keepdims=True), 1)) / by_item
    items = _singular(normal, factors, seed)
    low_pass = ((seen / by_item) @ items.T) @ (items * by_item)
    return np.asarray(seen @ (normal.T @ normal) + ideal * low_pass, np.float32)


def _singular(matrix: F32, factors: int, seed: int) -> F32:
    """Return the first right singular vectors [factors, items]."""
    start = np.random.default_rng(seed).normal(size=min(matrix.shape)).astype(np.float32)
    return np.asarray(svds(csr_matrix(matrix), k=factors, v0=start)[2], np.float32)


POPULARITY = Funnel(name="popularity", score=popularity, settings=({},))
OWN = (
    Funnel(
        name="user_knn",
        score=user_knn,
        settings=[{"neighbours": n, "power": p} for n in (50, 100, 200, 400) for p in (1, 3)],
    ),
    Funnel(
        name="pure_svd",
        score=svd,
        settings=[{"factors": k} for k in (8, 10, 12, 15, 18, 20, 25, 30)],
    ),
    Funnel(
        name="ease",
        score=ease,
        settings=[{"regularization": g} for g in (150, 200, 300, 400, 500, 600, 800, 1000)],
    ),
    Funnel(
        name="edlae",
        score=ease,
        settings=[
            {"regularization": g, "dropout": p} for g in (100, 200, 300, 500) for p in (0.33, 0.6)
        ],
    ),
    Funnel(
        name="rp3beta",
        score=rp3beta,
        settings=[{"beta": b} for b in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)],
    ),
    Funnel(
        name="gf_cf",
        score=gf_cf,
        settings=[{"factors": k, "ideal": a} for k in (20, 35, 50, 80) for a in (0.3, 1.0)],
    ),
)
"""Funnels of this project; `peers` has those of the package `implicit`."""
