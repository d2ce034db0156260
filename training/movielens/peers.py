"""The funnels that the package `implicit` computes: ItemKNN and iALS. Only in the environment of requirements/recsys.txt."""

import warnings

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from scipy.sparse import csr_matrix

from training.movielens.funnels import F32, OWN, POPULARITY, Funnel


def item_knn(seen: F32, seed: int, *, kind: str, neighbours: int) -> F32:
    """Item-based neighbours, cosine or BM25-weighted."""
    chosen = {"cosine": CosineRecommender, "bm25": BM25Recommender}[kind]
    model, rows = chosen(K=neighbours, num_threads=1), csr_matrix(seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # implicit warns of a conversion that it makes itself
        model.fit(rows, show_progress=False)
    return np.asarray((rows @ model.similarity.tocsr()).toarray(), np.float32)


def ials(seen: F32, seed: int, *, factors: int, regularization: float, alpha: float) -> F32:
    """Implicit ALS (Hu et al. 2008), 15 sweeps."""
    model = AlternatingLeastSquares(
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


FUNNELS = (
    POPULARITY,
    Funnel(
        name="item_knn",
        score=item_knn,
        settings=[
            {"kind": k, "neighbours": n} for k in ("cosine", "bm25") for n in (20, 100, 200, 500)
        ],
    ),
    Funnel(
        name="ials",
        score=ials,
        settings=[
            {"factors": k, "regularization": g, "alpha": a}
            for k in (16, 32)
            for g in (5.0, 15.0)
            for a in (1.0, 3.0)
        ],
    ),
    *OWN,
)
"""Every funnel of the benchmark, popularity first."""
