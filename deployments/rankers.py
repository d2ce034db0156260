"""Stage 6 with arms: the weights that serve, and beside them those that an experiment tries, over the same data.

A challenger is loaded in a thread when it is first wanted. Who wants it meanwhile waits, as long as the caller likes;
one that cannot be loaded stays so until newer ones have taken its place.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deployments.stages import Stages
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.search import Ranked, RankRequest

_KEPT = 4
"""Two versions over two catalogues: more do not change at once."""


class ArmedRanker(Protocol):
    """Stage 6 for an ingress: ranks with the version that a request names."""

    async def rank(self, request: RankRequest, *, top_k: int) -> Ranked: ...

    async def prepare(self, version: str) -> None:
        """Return when a version can rank; raise why it cannot."""
        ...


class Challengers:
    """Scorers besides the serving one, by catalogue and version. `load` blocks. Use it in one event loop."""

    def __init__(self, load: Callable[[Stages, str], WideDeepScorer]) -> None:
        self._load = load
        self._loads: dict[tuple[str, str], asyncio.Future[WideDeepScorer]] = {}

    async def scorer(self, stages: Stages, version: str | None) -> WideDeepScorer:
        """Return a version over the data of `stages`, what serves for None.

        Raises:
            ArtifactError: it is not there, broken, or does not fit.
        """
        assert stages.scorer is not None
        if version is None or version == stages.scorer.version:
            return stages.scorer
        key = (stages.catalog_version, version)
        loading = self._loads.get(key)
        if loading is None:
            loading = asyncio.ensure_future(asyncio.to_thread(self._load, stages, version))
            self._loads = {**dict(list(self._loads.items())[1 - _KEPT :]), key: loading}
        return await asyncio.shield(loading)


@dataclass(frozen=True, slots=True)
class LocalRanker:
    """6 in this process; a millisecond of numpy, so inline."""

    stages: Stages
    challengers: Challengers

    async def rank(self, request: RankRequest, *, top_k: int) -> Ranked:
        scorer = await self.challengers.scorer(self.stages, request.ranker)
        return scorer.rank(request, top_k=top_k)

    async def prepare(self, version: str) -> None:
        await self.challengers.scorer(self.stages, version)
