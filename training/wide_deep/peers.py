"""Collaborative baselines over the visits before a cut: ItemKNN here, iALS where the package `implicit` is installed."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from training.data import Visits

F32 = npt.NDArray[np.float32]


def visit_matrix(visits: Visits, cut: int, *, users: int, shops: int) -> F32:
    """Return who had visited what before `cut` [users, shops], 0 or 1."""
    past = visits.time < cut
    matrix = np.zeros((users, shops), np.float32)
    matrix[visits.user[past], visits.shop[past]] = 1
    return matrix


def item_knn(seen: F32, *, shrink: float = 3.0) -> F32:
    """Return item-based cosine scores [users, shops], similarities of few common visitors shrunk."""
    used = np.flatnonzero(seen.any(axis=0))
    part = seen[:, used]
    common = part.T @ part
    length = np.sqrt(np.diag(common))
    similarity = common / np.outer(length, length) * common / (common + shrink)
    np.fill_diagonal(similarity, 0)
    scores = np.zeros_like(seen)
    scores[:, used] = part @ similarity
    return scores


def ials(seen: F32, *, seed: int, factors: int = 16) -> F32 | None:
    """Return iALS scores [users, shops] by `implicit`, None where it is not installed."""
    if find_spec("implicit") is None:
        return None
    csr_matrix = import_module("scipy.sparse").csr_matrix
    model = import_module("implicit.als").AlternatingLeastSquares(
        factors=factors,
        regularization=5.0,
        alpha=4.0,
        iterations=15,
        random_state=seed,
        num_threads=1,
        use_gpu=False,
    )
    model.fit(csr_matrix(seen), show_progress=False)
    return np.asarray(model.user_factors @ model.item_factors.T, np.float32)
