"""Stage 6 as a Serve deployment; calls that come within a millisecond share one trip."""

import asyncio

from ray import serve

from deployments.stages import Stages, load_stages
from deployments.versioned import DataVersions, Versioned, published
from naviyam.errors import NaviyamError, StaleVersionError
from naviyam.retrieval.encoder import load_encoder
from naviyam.search import Ranked, RankRequest
from naviyam.settings import Settings

_MAX_BATCH = 16
_BATCH_WAIT_S = 0.001


class Ranker:
    """Hot-swaps by itself; answers requests of the current catalogue and of the one before."""

    def __init__(self, settings: Settings) -> None:
        encoder = load_encoder(settings.retrieval)

        def load(wanted: DataVersions) -> Stages:
            return load_stages(settings, encoder, wanted, search=False)

        self._stages = Versioned(lambda: published(settings), load)
        self._watching: asyncio.Task[None] | None = None

    async def rank(self, request: RankRequest, top_k: int) -> Ranked:
        if self._watching is None:
            self._watching = asyncio.create_task(self._stages.watch())
        outcome: Ranked | NaviyamError = await self._rank_batch((request, top_k))
        if isinstance(outcome, NaviyamError):
            raise outcome
        return outcome

    async def version(self) -> str:
        """Return the ranker that serves."""
        scorer = self._stages.current.scorer
        return scorer.version if scorer is not None else "none"

    @serve.batch(max_batch_size=_MAX_BATCH, batch_wait_timeout_s=_BATCH_WAIT_S)  # type: ignore[untyped-decorator]
    async def _rank_batch(
        self, batch: list[tuple[RankRequest, int]]
    ) -> list[Ranked | NaviyamError]:
        """Rank each request; one that cannot be ranked does not fail its neighbours."""
        return [await self._one(request, top_k) for request, top_k in batch]

    async def _one(self, request: RankRequest, top_k: int) -> Ranked | NaviyamError:
        try:
            try:
                stages = self._stages.of(request.catalog_version)
            except StaleVersionError:
                await self._stages.poll()
                stages = self._stages.of(request.catalog_version)
            assert stages.scorer is not None
            return stages.scorer.rank(request, top_k=top_k)
        except NaviyamError as e:
            return e
