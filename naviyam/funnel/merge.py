"""Stage 5B: the four funnels over one shared scope, merged so that none starves. No model and no text here."""

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.funnel.collaborative import Collaborative
from naviyam.funnel.content import content
from naviyam.funnel.contextual import contextual, slot_fit
from naviyam.funnel.popularity import popularity
from naviyam.retrieval.scope import Scope, Scoper, shared_scoper
from naviyam.search import FUNNELS, Funnelled, SearchRequest
from naviyam.settings import Settings

Found = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
"""Rows of one funnel, best first, and their scores in (0, 1]."""

_NOTHING: Found = (np.empty(0, np.int32), np.empty(0, np.float32))
_LEAST = 0.01
"""What a found shop scores at least: 0 means that a funnel did not find it."""


class Funnels:
    """Stage 5B over one catalogue and its behaviour (None where there is none)."""

    def __init__(
        self,
        catalog: Catalog,
        behavior: Behavior | None,
        settings: Settings,
        *,
        scoper: Scoper | None = None,
    ) -> None:
        self._catalog, self._settings = catalog, settings.funnel
        self._scoper = scoper or shared_scoper(catalog, settings.places)
        self._popularity = popularity(catalog, behavior, settings.funnel)
        self._collaborative = (
            Collaborative(behavior, catalog.size) if behavior is not None else None
        )
        self._slot_fit = slot_fit(catalog, behavior)

    def gather(self, request: SearchRequest) -> Funnelled:
        """Return at most `funnel.merged_limit` shops that at least one funnel found, with each funnel's score.

        Raises:
            StaleVersionError: the request is of another version of the catalogue.
        """
        scope = self._scoper.scope(request)
        found = tuple(self._found(name, request, scope) for name in FUNNELS)
        rows = _take_turns(found, self._settings.merged_limit)
        scores = np.zeros((len(rows), len(FUNNELS)), np.float32)
        for column, (found_rows, found_scores) in enumerate(found):
            _, mine, theirs = np.intersect1d(rows, found_rows, return_indices=True)
            scores[mine, column] = found_scores[theirs]
        order = np.argsort(-scores.sum(axis=1), kind="stable")
        return Funnelled(
            catalog_version=self._catalog.version, rows=rows[order], scores=scores[order]
        )

    def _found(self, name: str, request: SearchRequest, scope: Scope) -> Found:
        limits, profile = self._settings, request.profile
        if name == "popularity":
            return _best(scope, self._popularity[scope.rows], limits.popularity_limit)
        if name == "content":
            return _best(scope, content(self._catalog, scope, profile), limits.content_limit)
        if name == "contextual":
            fitting = contextual(self._catalog, scope, request.context.time, self._slot_fit)
            return _best(scope, fitting, limits.contextual_limit)
        if self._collaborative is None or not profile.consent:
            return _NOTHING
        scores = self._collaborative.scores(profile.user_id)
        if scores is None:
            return _NOTHING
        return _best(scope, scores[scope.rows], limits.collaborative_limit)


def _best(scope: Scope, scores: npt.NDArray[np.float32], limit: int) -> Found:
    """Return the `limit` best rows of the scope with a score above 0, scores divided by the greatest.

    What is known to fit comes before what is only assumed to (`Scope.tier`).
    """
    hit = np.flatnonzero(scores > 0)
    order = hit[np.lexsort((-scores[hit], scope.tier[scope.rows[hit]]))][:limit]
    if not len(order):
        return _NOTHING
    return scope.rows[order], np.clip(scores[order] / scores[order].max(), _LEAST, 1.0)


def _take_turns(found: tuple[Found, ...], limit: int) -> npt.NDArray[np.int32]:
    """Return distinct rows: each funnel's best not yet taken, in turn, until `limit` or all are empty."""
    queues = [iter(rows.tolist()) for rows, _ in found]
    taken: dict[int, None] = {}
    while queues and len(taken) < limit:
        for queue in tuple(queues):
            row = next((r for r in queue if r not in taken), None)
            if row is None:
                queues.remove(queue)
            elif len(taken) < limit:
                taken[row] = None
    return np.fromiter(taken, np.int32, len(taken))
