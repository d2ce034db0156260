"""The plain training loop of the safety classifier: five logistic regressions at once, by L-BFGS. No Ray.

Convex, so the same data and options give the same weights whatever the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from naviyam.safety.classifier import FLAGS, HEADS, Embedder, Weights
from naviyam.safety.features import BUCKETS, blocks
from naviyam.safety.screen import offences
from naviyam.text.clean import normalise

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`strength` is scikit-learn's C: how freely weights may grow."""

    strength: float = 3.0
    meaning_strength: float = 4.0
    """How much freer than the pieces the embedding's weights are in every head but the offensive one, where words decide."""

    iterations: int = 120
    least_seen: int = 2
    """Pieces that fewer training texts hold are not learned from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix:
    """Features of n texts: pieces as CSR over buckets (two blocks, not yet weighted), meaning [n, d], flags [n, f]."""

    starts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    counts: F32
    block: npt.NDArray[np.int64]
    """Which block of which row a piece belongs to: 2 x row, 2 x row + 1."""

    meaning: F32
    flags: F32


def featurise(texts: Sequence[str], embedder: Embedder) -> Matrix:
    """Return the features of texts as they are typed."""
    cleaned = [normalise(t).text for t in texts]
    ids, counts, block, starts = [], [], [], [0]
    for i, text in enumerate(cleaned):
        for j, (found, amount) in enumerate(blocks(text)):
            ids.append(found)
            counts.append(amount)
            block.append(np.full(len(found), 2 * i + j))
        starts.append(starts[-1] + len(ids[-1]) + len(ids[-2]))
    return Matrix(
        starts=np.array(starts),
        ids=np.concatenate(ids).astype(np.int64),
        counts=np.concatenate(counts),
        block=np.concatenate(block),
        meaning=embedder.encode_queries(cleaned),
        flags=np.array([offences(t) for t in cleaned], np.float32),
    )


def train(matrix: Matrix, target: F32, weight: F32, options: Options) -> Weights:
    """Return weights for `target` [n, heads] in 0..1 under `weight` [n, heads]; 0 leaves a row out of a head."""
    idf = _idf(matrix, options.least_seen)
    pieces, transposed = _sparse(matrix, idf)
    meaning = torch.from_numpy(matrix.meaning)
    flags = torch.from_numpy(matrix.flags)
    y, w = torch.from_numpy(target), torch.from_numpy(weight)
    heads = len(HEADS)
    offensive_only = torch.zeros(heads)
    offensive_only[HEADS.index("offensive")] = 1
    parameters = [torch.zeros(n, heads) for n in (BUCKETS, meaning.shape[1], len(FLAGS), 1)]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=options.iterations, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        a, b, c, d = parameters
        logits = pieces @ a + meaning @ b + flags @ c + d
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, y, weight=w, reduction="sum"
        )
        residual = w * (torch.sigmoid(logits) - y)
        penalty = 1 / options.strength
        on_meaning = penalty * (offensive_only + (1 - offensive_only) / options.meaning_strength)
        a.grad = transposed @ residual + penalty * a
        b.grad = meaning.T @ residual + on_meaning * b
        c.grad = (flags.T @ residual) * offensive_only + penalty * c
        d.grad = residual.sum(0, keepdim=True)
        squares = penalty * ((a**2).sum() + (c**2).sum()) + (on_meaning * b**2).sum()
        return loss + 0.5 * squares

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    a, b, c, d = (p.numpy() for p in parameters)
    return Weights(
        idf=idf.astype(np.float16),
        pieces=a.astype(np.float16),
        meaning=b,
        flags=c,
        bias=d[0],
    )


def logits(matrix: Matrix, weights: Weights) -> F32:
    """Return the logits [n, heads] of many texts."""
    pieces, _ = _sparse(matrix, weights.idf.astype(np.float32))
    out: F32 = (pieces @ torch.from_numpy(weights.pieces.astype(np.float32))).numpy()
    out = out + matrix.meaning @ weights.meaning + matrix.flags @ weights.flags + weights.bias
    return out


def _idf(matrix: Matrix, least_seen: int) -> F32:
    """Return smoothed inverse document frequencies [BUCKETS], 0 for pieces that are too rare to learn from."""
    seen = np.bincount(matrix.ids, minlength=BUCKETS)
    rows = len(matrix.starts) - 1
    idf = np.log((1 + rows) / (1 + seen)) + 1
    return np.where(seen >= least_seen, idf, 0).astype(np.float32)


def _sparse(matrix: Matrix, idf: F32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted pieces [n, BUCKETS] and their transpose, every block of length 1."""
    value = matrix.counts * idf[matrix.ids]
    length = np.sqrt(np.bincount(matrix.block, weights=value**2, minlength=1))
    value = (value / np.maximum(length[matrix.block], 1e-9)).astype(np.float32)
    rows = np.repeat(np.arange(len(matrix.starts) - 1), np.diff(matrix.starts))
    index = torch.from_numpy(np.stack([rows, matrix.ids]))
    size = (len(matrix.starts) - 1, BUCKETS)
    made = torch.sparse_coo_tensor(index, torch.from_numpy(value), size)
    return made.coalesce().to_sparse_csr(), made.t().coalesce().to_sparse_csr()
