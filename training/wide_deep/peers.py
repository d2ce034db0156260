"""Collaborative baselines over the visits before a cut, tuned before that cut: ItemKNN here, iALS of the package `implicit`.

`score(seen, seed, **setting)` takes who had visited what and returns scores, both [users, shops]; the same for a seed.
Each peer chooses among eight settings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.evaluation.ranking import ndcg_values, put_in_order
from training.data import Samples, Visits

F32 = npt.NDArray[np.float32]
Setting = Mapping[str, Any]
TUNED_ON: Final = 0.2
"""Share of the lists before the cut, the latest, that settings are chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A way to score, and the settings to choose among."""

    name: str
    score: Callable[..., F32]
    settings: Sequence[Setting]


def installed() -> tuple[Peer, ...]:
    """Return the peers that can be computed here: without the package `implicit` there is no iALS."""
    return (ITEM_KNN, IALS) if find_spec("implicit") else (ITEM_KNN,)


def fit(
    peer: Peer, visits: Visits, cut: int, lists: Samples, *, users: int, shops: int, seed: int
) -> tuple[Setting, F32]:
    """Return the setting that orders the latest `lists` best when fitted before them, and its scores fitted up to `cut`."""
    late = int(np.quantile(lists.time, 1 - TUNED_ON))
    held = lists.take(lists.time >= late)
    before = visit_matrix(visits, late, users=users, shops=shops)
    found = []
    for setting in peer.settings:
        scores = peer.score(before, seed, **setting)[held.user, held.shop]
        order = put_in_order(scores, held.label > 0, held.session)
        found.append(float(ndcg_values(order, 5).mean()))
    best = peer.settings[int(np.argmax(found))]
    seen = visit_matrix(visits, cut, users=users, shops=shops)
    return best, peer.score(seen, seed, **best)


def visit_matrix(visits: Visits, cut: int, *, users: int, shops: int) -> F32:
    """Return who had visited what before `cut` [users, shops], 0 or 1."""
    past = visits.time < cut
    matrix = np.zeros((users, shops), np.float32)
    matrix[visits.user[past], visits.shop[past]] = 1
    return matrix


def item_knn(seen: F32, seed: int, *, shrink: float, itself: bool) -> F32:
    """Return item-based cosine scores, similarities of few common visitors shrunk; with `itself` a visit speaks for the shop too."""
    used = np.flatnonzero(seen.any(axis=0))
    part = seen[:, used]
    common = part.T @ part
    length = np.sqrt(np.diag(common))
    similarity = common / np.outer(length, length) * common / np.maximum(common + shrink, 1e-9)
    np.fill_diagonal(similarity, float(itself))
    scores = np.zeros_like(seen)
    scores[:, used] = part @ similarity
    return scores


def ials(seen: F32, seed: int, *, factors: int, regularization: float, alpha: float) -> F32:
    """Return implicit ALS scores (Hu et al. 2008), 15 sweeps."""
    csr_matrix = import_module("scipy.sparse").csr_matrix
    model = import_module("implicit.als").AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=alpha,
        iterations=15,
        random_state=seed,
        num_threads=1,
        use_gpu=False,
    )
    model.fit(csr_matrix(seen), show_progress=False)
    return np.asarray(model.user_factors @ model.item_factors.T, np.float32)


ITEM_KNN = Peer(
    name="item_knn",
    score=item_knn,
    settings=[{"shrink": s, "itself": i} for i in (False, True) for s in (0.0, 3.0, 20.0, 100.0)],
)
IALS = Peer(
    name="ials",
    score=ials,
    settings=[
        {"factors": k, "regularization": g, "alpha": a}
        for k, g, a in product((8, 32), (1.0, 5.0), (1.0, 4.0))
    ],
)
