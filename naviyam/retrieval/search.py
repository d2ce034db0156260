"""Stage 5A: dense and lexical ranks over the shops in scope, fused. Filters come before every cut.

The order within the scope: what is known to fit before what is only assumed (`Scope.tier`), then the sort
that was asked for, then the fused ranks of meaning, words and nearness.
"""

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.retrieval.dense import top
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.fusion import Ranking, fuse
from naviyam.retrieval.index import Index
from naviyam.retrieval.scope import Scope, Scoper, shared_scoper
from naviyam.search import Retrieved, SearchRequest
from naviyam.settings import Settings

_DEPTH = 5
"""Each list brings so many times the rows asked for."""

_NEAR_WEIGHT = 0.5
"""Nearness breaks near-ties of meaning; a named dish (two lists) outweighs it."""


class HybridRetriever:
    """Stage 5A over one catalogue and its index."""

    def __init__(
        self,
        catalog: Catalog,
        index: Index,
        encoder: Encoder,
        settings: Settings,
        *,
        scoper: Scoper | None = None,
    ) -> None:
        if index.card.catalog_version != catalog.version:
            raise ArtifactError(
                f"the index is of catalogue {index.card.catalog_version!r}, this is {catalog.version!r}; "
                "build it again"
            )
        self._catalog, self._index, self._encoder = catalog, index, encoder
        self._settings = settings
        self._scoper = scoper or shared_scoper(catalog, settings.places)

    def search(self, request: SearchRequest) -> Retrieved:
        """Return at most `request.top_k` shops, best first; fewer only where fewer fit, none where nothing does.

        Raises:
            StaleVersionError: the request is of another version of the catalogue.
        """
        scope = self._scoper.scope(request)
        pool = _pool(scope, request.top_k)
        score = self._scores(request, scope, pool)
        tier = scope.tier[pool]
        steps = int(tier.max(initial=0)) + 1
        score = ((steps - 1 - tier) + score) / steps
        best = top(score, request.top_k)
        return Retrieved(
            catalog_version=self._catalog.version,
            rows=pool[best],
            scores=score[best].astype(np.float32),
            relaxed=scope.relaxed,
        )

    def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        """Return which single wish to give up where nothing fits; see `Scoper.explain_nothing`."""
        return self._scoper.explain_nothing(request)

    def _scores(
        self, request: SearchRequest, scope: Scope, pool: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """Return a score per row of `pool` in 0..1: fused ranks, or the place in the order that was asked for."""
        fused = np.zeros(len(pool))
        rows, scores = fuse(self._rankings(request, scope, pool), k=self._settings.retrieval.rrf_k)
        fused[np.searchsorted(pool, rows)] = scores
        wanted = self._sort_key(request.filters.sort, scope, pool)
        if wanted is None:
            return fused
        places = np.empty(len(pool))
        places[np.lexsort((-fused, wanted))] = np.arange(len(pool))
        return 1.0 - places / max(len(pool), 1)

    def _rankings(
        self, request: SearchRequest, scope: Scope, pool: npt.NDArray[np.int32]
    ) -> list[Ranking]:
        settings, depth = self._settings.retrieval, _DEPTH * request.top_k
        rankings: list[Ranking] = []
        text = _text(request)
        if text:
            mask = np.zeros(self._catalog.size, np.bool_)
            mask[pool] = True
            vector = self._encoder.encode_queries([text])[0]
            rankings.append(
                (self._index.dense.search(vector, mask, depth)[0], settings.dense_weight)
            )
            rankings.append(
                (self._index.lexical.search(text, mask, depth)[0], settings.lexical_weight)
            )
        if scope.distance_m is not None:
            rankings.append((_lowest(scope.distance_m[pool], pool, depth), _NEAR_WEIGHT))
        return rankings

    def _sort_key(
        self, sort: str | None, scope: Scope, rows: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32] | None:
        """Return a value per row, lower is better, inf where it is unknown; None without a sort."""
        catalog, weights = self._catalog, self._settings.funnel
        if sort == "cheapest":
            price = catalog.min_price[rows].astype(np.float32)
            return np.where(price > 0, price, np.inf).astype(np.float32)
        if sort == "nearest" and scope.distance_m is not None:
            return scope.distance_m[rows]
        if sort == "highest_rated":
            rating = catalog.rating[rows]
            return np.where(np.isnan(rating), np.inf, -rating).astype(np.float32)
        if sort == "popular":
            views, orders = catalog.view_count[rows], catalog.order_count[rows]
            used = weights.view_weight * views + weights.order_weight * orders
            return np.where(used > 0, -used, np.inf).astype(np.float32)
        return None


def _pool(scope: Scope, k: int) -> npt.NDArray[np.int32]:
    """Return the rows of the lowest tiers that together hold `k` shops: what is behind them cannot be shown."""
    tiers = scope.tier[scope.rows]
    if len(tiers) <= k:
        return scope.rows
    pool: npt.NDArray[np.int32] = scope.rows[tiers <= np.partition(tiers, k - 1)[k - 1]]
    return pool


def _text(request: SearchRequest) -> str:
    """Return what to look for: the query, or the wish's own words where there is none."""
    filters = request.filters
    return request.query.strip() or " ".join(
        word for word in (filters.food_type, filters.category) if word
    )


def _lowest(
    values: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], depth: int
) -> npt.NDArray[np.int32]:
    """Return the rows of the `depth` lowest finite values, lowest first."""
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.argsort(values[finite], kind="stable")[:depth]]
    out: npt.NDArray[np.int32] = rows[order].astype(np.int32)
    return out
