"""Stages 5 and 6 over ports: both searches at once, their union, the order, and what to do when a part fails."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from naviyam.arms import SERVING
from naviyam.catalog.store import Catalog
from naviyam.dialogue.armed import by_arm
from naviyam.dialogue.ports import FunnelSource, Ranker, Retriever
from naviyam.dialogue.present import Candidate, candidates_in_order
from naviyam.dialogue.trace import Trace
from naviyam.errors import StaleVersionError, why
from naviyam.feedback.events import CandidateLog
from naviyam.search import FUNNELS, Funnelled, Ranked, RankRequest, Retrieved, SearchRequest

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
_T = TypeVar("_T")
_logger = logging.getLogger(__name__)


class SearchUnavailableError(Exception):
    """Neither search answered; the turn says so kindly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates best first, as served, and the wishes that search had to loosen."""

    candidates: tuple[Candidate, ...]
    log: CandidateLog | None
    relaxed: tuple[str, ...]
    ranked_by: str
    ranker: str = "none"
    retriever: str = SERVING
    """Versions that answered: of the ranker, and the retriever's variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds and ranks. One failing search leaves the other's candidates; a failing ranker their own order."""

    retriever: Retriever
    funnels: FunnelSource
    ranker: Ranker
    catalog: Catalog
    arm_timeout_s: float = 1.0

    async def find(self, request: SearchRequest, trace: Trace) -> Found:
        """Return the ranked union of 5A and 5B.

        Raises:
            SearchUnavailableError: both searches failed.
            StaleVersionError: a part holds another version of the catalogue.
        """
        with trace.stage("candidates"):
            answered, funnelled = await asyncio.gather(
                _attempt("retrieve", self._retrieve(request, trace), trace),
                _attempt("funnels", self.funnels.gather(request), trace),
            )
        retrieved, variant = (None, None) if answered is None else answered
        if retrieved is None and funnelled is None:
            raise SearchUnavailableError
        rows, rag, funnel = union(retrieved, funnelled)
        relaxed = () if retrieved is None else retrieved.relaxed
        if not len(rows):
            return Found(candidates=(), log=None, relaxed=relaxed, ranked_by="none")
        rank_request = RankRequest(
            catalog_version=request.catalog_version,
            query=request.query,
            filters=request.filters,
            context=request.context,
            profile=request.profile,
            place=request.place,
            rows=rows,
            funnel_scores=funnel,
            rag_scores=rag,
        )
        with trace.stage("rank"):
            ranked = await _attempt("rank", self._rank(rank_request, trace), trace)
        return replace(self._found(rank_request, ranked, relaxed), retriever=variant or SERVING)

    async def _retrieve(self, request: SearchRequest, trace: Trace) -> tuple[Retrieved, str | None]:
        return await by_arm(
            "retriever",
            lambda variant: self.retriever.retrieve(replace(request, variant=variant)),
            trace,
            timeout_s=self.arm_timeout_s,
        )

    async def _rank(self, request: RankRequest, trace: Trace) -> Ranked:
        ranked, _ = await by_arm(
            "ranker",
            lambda version: self.ranker.rank(
                replace(request, ranker=version), top_k=len(request.rows)
            ),
            trace,
            timeout_s=self.arm_timeout_s,
        )
        return ranked

    async def explain_nothing(self, request: SearchRequest, trace: Trace) -> tuple[str, ...]:
        """Return which wish to give up where nothing fits; nothing where that cannot be told."""
        with trace.stage("candidates"):
            why = await _attempt("retrieve", self.retriever.explain_nothing(request), trace)
        return why or ()

    def _found(
        self, request: RankRequest, ranked: Ranked | None, relaxed: tuple[str, ...]
    ) -> Found:
        rows, rag, funnel = request.rows, request.rag_scores, request.funnel_scores
        if ranked is None:
            scores, order = unranked(rag, funnel)
            return Found(
                candidates=tuple(candidates_in_order(rows, scores, funnel, order)),
                log=None,
                relaxed=relaxed,
                ranked_by="fallback",
            )
        log = CandidateLog(
            shop_ids=tuple(self.catalog.shop_ids[r] for r in rows.tolist()),
            rag_scores=rag,
            funnel_scores=funnel,
            scores=ranked.scores,
            wide=ranked.wide,
            numeric=ranked.numeric,
        )
        return Found(
            candidates=tuple(candidates_in_order(rows, ranked.scores, funnel, ranked.order)),
            log=log,
            relaxed=relaxed,
            ranked_by="wide_deep",
            ranker=ranked.model_version,
        )


def union(retrieved: Retrieved | None, funnelled: Funnelled | None) -> tuple[I32, F32, F32]:
    """Return rows int32 [n] (5A's first), their rag scores [n] and funnel scores [n, 4]; 0 where not found by it."""
    rag_rows = retrieved.rows if retrieved is not None else np.zeros(0, np.int32)
    rag_scores = retrieved.scores if retrieved is not None else np.zeros(0, np.float32)
    funnel_rows = funnelled.rows if funnelled is not None else np.zeros(0, np.int32)
    position = {row: i for i, row in enumerate(rag_rows.tolist())}
    for row in funnel_rows.tolist():
        position.setdefault(row, len(position))
    rows = np.fromiter(position, np.int32, len(position))
    rag = np.zeros(len(rows), np.float32)
    rag[: len(rag_rows)] = rag_scores
    funnel = np.zeros((len(rows), len(FUNNELS)), np.float32)
    if funnelled is not None and len(funnel_rows):
        funnel[[position[row] for row in funnel_rows.tolist()]] = funnelled.scores
    return rows, rag, funnel


def unranked(rag: F32, funnel: F32) -> tuple[F32, I32]:
    """Return scores and an order without a ranker: half the search score, half the mean funnel score."""
    scores = (0.5 * rag + 0.5 * funnel.mean(axis=1)).astype(np.float32)
    return scores, np.argsort(-scores, kind="stable").astype(np.int32)


async def _attempt(name: str, work: Awaitable[_T], trace: Trace) -> _T | None:
    """Await a port; a failure becomes a reason for a degraded answer, in the log with its cause."""
    with trace.part(name):
        try:
            return await work
        except StaleVersionError:
            raise
        except Exception as e:
            _logger.warning("%s failed: %s", name, why(e))
            trace.spans.error(e)
            trace.problems.append(f"{name}_unavailable")
            return None
