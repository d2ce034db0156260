"""Stage 6 as a Serve deployment; calls that come within a millisecond share one trip."""

import asyncio

from ray import serve

from cluster.telemetry.hop import received
from cluster.telemetry.request import Carrier
from deployments.rankers import Challengers
from deployments.replica import begin
from deployments.stages import Stages, load_challenger, load_stages
from deployments.versioned import DataVersions, Versioned, published
from naviyam.errors import NaviyamError, StaleVersionError
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.retrieval.encoder import load_encoder
from naviyam.search import Ranked, RankRequest
from naviyam.settings import Settings

_MAX_BATCH = 16
_BATCH_WAIT_S = 0.001


class Ranker:
    """Hot-swaps by itself; answers requests of the current catalogue and of the one before, with the version they name."""

    def __init__(self, settings: Settings) -> None:
        self._tracer = begin(settings, "inner")
        encoder = load_encoder(settings.retrieval)

        def load(wanted: DataVersions) -> Stages:
            return load_stages(settings, encoder, wanted, search=False)

        self._stages = Versioned(lambda: published(settings), load)
        self._challengers = Challengers(load_challenger(settings, encoder))
        self._watching: asyncio.Task[None] | None = None

    async def rank(
        self, request: RankRequest, top_k: int, carrier: Carrier | None = None
    ) -> Ranked:
        """Rank; a version that is not loaded yet is waited for, beside the batches."""
        with received(carrier, self._tracer, "Ranker.rank"):
            return await self._rank(request, top_k)

    async def _rank(self, request: RankRequest, top_k: int) -> Ranked:
        if self._watching is None:
            self._watching = asyncio.create_task(self._stages.watch())
        stages = await self._of(request.catalog_version)
        scorer = await self._challengers.scorer(stages, request.ranker)
        outcome: Ranked | NaviyamError = await self._rank_batch((scorer, request, top_k))
        if isinstance(outcome, NaviyamError):
            raise outcome
        return outcome

    async def prepare(self, version: str) -> None:
        """Load a version beside the one that serves; raise why it cannot be."""
        await self._challengers.scorer(self._stages.current, version)

    async def version(self) -> str:
        """Return the ranker that serves."""
        scorer = self._stages.current.scorer
        return scorer.version if scorer is not None else "none"

    @serve.batch(max_batch_size=_MAX_BATCH, batch_wait_timeout_s=_BATCH_WAIT_S)  # type: ignore[untyped-decorator]
    async def _rank_batch(
        self, batch: list[tuple[WideDeepScorer, RankRequest, int]]
    ) -> list[Ranked | NaviyamError]:
        """Rank each request; one that cannot be ranked does not fail its neighbours."""
        return [_ranked(scorer, request, top_k) for scorer, request, top_k in batch]

    async def _of(self, catalog_version: str) -> Stages:
        try:
            return self._stages.of(catalog_version)
        except StaleVersionError:
            await self._stages.poll()
            return self._stages.of(catalog_version)


def _ranked(scorer: WideDeepScorer, request: RankRequest, top_k: int) -> Ranked | NaviyamError:
    try:
        return scorer.rank(request, top_k=top_k)
    except NaviyamError as e:
        return e
