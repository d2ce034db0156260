"""Stage 5A: meaning and words over the shops in scope, in one score. Filters come before every cut.

The order within the scope: what is known to fit before what is only assumed (`Scope.tier`), then the sort
that was asked for, then the weighted sum of words (BM25 over its greatest), meaning (the cosine, stretched over
the candidates) and nearness.
"""

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.retrieval.dense import top
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.fusion import stretched
from naviyam.retrieval.index import Index
from naviyam.retrieval.scope import Scope, Scoper, shared_scoper
from naviyam.search import Retrieved, SearchRequest
from naviyam.settings import Retrieval, Settings

_DEPTH = 5
"""Each list brings so many times the rows asked for."""

_HALF_NEAR_M = 1_000.0
"""Distance at which nearness counts half: about a quarter of an hour's walk."""


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
        held = settings.retrieval
        self._weights: dict[str | None, Retrieval] = {
            name: held.varied(name) for name in (None, *held.variants)
        }
        self._scoper = scoper or shared_scoper(catalog, settings.places)

    def search(self, request: SearchRequest) -> Retrieved:
        """Return at most `request.top_k` shops, best first; fewer only where fewer fit, none where nothing does.

        Raises:
            StaleVersionError: the request is of another version of the catalogue.
            NotFoundError: it asks for a variant that the settings do not have.
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
        """Return a score per row of `pool` in 0..1: how well it fits, or its place in the order asked for."""
        fused = self._fused(request, scope, pool)
        wanted = self._sort_key(request.filters.sort, scope, pool)
        if wanted is None:
            return fused
        places = np.empty(len(pool))
        places[np.lexsort((-fused, wanted))] = np.arange(len(pool))
        return 1.0 - places / max(len(pool), 1)

    def _fused(
        self, request: SearchRequest, scope: Scope, pool: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """Return the weighted mean in 0..1 of words, meaning and nearness, as far as each is known."""
        settings = self._weights.get(request.variant) or self._settings.retrieval.varied(
            request.variant
        )
        total, weight = np.zeros(len(pool)), 0.0
        text = _text(request)
        if text and len(pool):
            total += self._said(text, pool, _DEPTH * request.top_k, settings)
            weight += settings.lexical_weight + settings.dense_weight
        if scope.distance_m is not None:
            near = _HALF_NEAR_M / (_HALF_NEAR_M + scope.distance_m[pool])
            total += settings.near_weight * near
            weight += settings.near_weight
        return total / weight if weight else total

    def _said(
        self, text: str, pool: npt.NDArray[np.int32], depth: int, settings: Retrieval
    ) -> npt.NDArray[np.float64]:
        """Return what each row of `pool` earns by words and meaning; meaning only among the `depth` best of each."""
        index = self._index
        asked = index.lexical.read(text)
        words = index.lexical.scores(asked)[pool].astype(np.float64)
        vector = self._encoder.encode_queries([asked.sentence])[0]
        mask = np.zeros(self._catalog.size, np.bool_)
        mask[pool] = True
        alike, _ = index.dense.search(vector, mask, depth)
        told = top(words, min(depth, int((words > 0).sum())))
        chosen = np.union1d(np.searchsorted(pool, alike), told)
        meaning = np.zeros(len(pool))
        meaning[chosen] = stretched(index.dense.cosines(vector, pool[chosen]))
        words /= max(float(words.max()), 1e-9)
        return settings.lexical_weight * words + settings.dense_weight * meaning

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
