"""Stages 5A and 5B as one Serve deployment: they share the catalogue and the filter masks, so they share a replica."""

import asyncio

from cluster.telemetry.hop import received
from cluster.telemetry.request import Carrier
from deployments.replica import begin
from deployments.stages import Stages, load_stages
from deployments.versioned import DataVersions, Versioned, published
from naviyam.errors import StaleVersionError
from naviyam.retrieval.encoder import load_encoder
from naviyam.search import Funnelled, Retrieved, SearchRequest
from naviyam.settings import Settings


class Retriever:
    """Hot-swaps by itself; answers requests of the current catalogue and of the one before."""

    def __init__(self, settings: Settings) -> None:
        self._tracer = begin(settings, "inner")
        encoder = load_encoder(settings.retrieval)

        def load(wanted: DataVersions) -> Stages:
            return load_stages(settings, encoder, wanted, rank=False)

        self._stages = Versioned(lambda: published(settings), load)
        self._watching: asyncio.Task[None] | None = None

    async def retrieve(self, request: SearchRequest, carrier: Carrier | None = None) -> Retrieved:
        with received(carrier, self._tracer, "Retriever.retrieve"):
            stages = await self._of(request.catalog_version)
            assert stages.retriever is not None
            return await asyncio.to_thread(stages.retriever.search, request)

    async def gather(self, request: SearchRequest, carrier: Carrier | None = None) -> Funnelled:
        with received(carrier, self._tracer, "Retriever.gather"):
            stages = await self._of(request.catalog_version)
            assert stages.funnels is not None
            return await asyncio.to_thread(stages.funnels.gather, request)

    async def explain_nothing(
        self, request: SearchRequest, carrier: Carrier | None = None
    ) -> tuple[str, ...]:
        with received(carrier, self._tracer, "Retriever.explain_nothing"):
            stages = await self._of(request.catalog_version)
            assert stages.retriever is not None
            return await asyncio.to_thread(stages.retriever.explain_nothing, request)

    async def version(self) -> str:
        """Return the index that serves."""
        return self._stages.current.index_name

    async def _of(self, catalog_version: str) -> Stages:
        """Return the stages of the version asked for; look for a newer one first where it is not held."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._stages.watch())
        try:
            return self._stages.of(catalog_version)
        except StaleVersionError:
            await self._stages.poll()
            return self._stages.of(catalog_version)
