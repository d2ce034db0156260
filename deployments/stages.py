"""Stages 4 to 6 of one set of published versions, loaded and warm, and the ports over them in this process."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from deployments.versioned import DataVersions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.errors import NotFoundError
from naviyam.funnel.merge import Funnels
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.request import Filters, RequestContext, UserProfile
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.index import Index, folder_name
from naviyam.retrieval.search import HybridRetriever
from naviyam.search import FUNNELS, Funnelled, RankRequest, Retrieved, SearchRequest
from naviyam.settings import Settings

_ANY_TIME = datetime(2026, 1, 1, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Stages 5A, 5B and 6 over one set of versions. A stage that runs elsewhere is None here."""

    catalog: Catalog
    behavior: Behavior
    index_name: str
    retriever: HybridRetriever | None = None
    funnels: Funnels | None = None
    scorer: WideDeepScorer | None = None

    @property
    def catalog_version(self) -> str:
        """The version of the catalogue that all of them hold."""
        return self.catalog.version


def load_stages(
    settings: Settings,
    encoder: Encoder | None,
    wanted: DataVersions,
    *,
    search: bool = True,
    rank: bool = True,
) -> Stages:
    """Load the stages of the wanted versions; `search` and `rank` say which run in this process.

    Raises:
        NotFoundError: the index of this catalogue, or a ranker, is not there yet.
        ArtifactError: something on disk is broken or does not fit.
    """
    index_name = ""
    if encoder is not None:
        index_name = folder_name(wanted.catalog, encoder.name, settings.retrieval)
        if search and not (settings.paths.index / index_name).is_dir():
            raise NotFoundError(
                f"no index {index_name} in {settings.paths.index}; run `naviyam bootstrap`"
            )
    if rank and wanted.ranker is None:
        raise NotFoundError(
            f"no ranker in {settings.paths.models / 'ranker'}; run `naviyam bootstrap`"
        )
    folder = settings.paths.catalog / wanted.catalog
    catalog = Catalog.load(folder)
    behavior = Behavior.load(folder, catalog)
    retriever = funnels = scorer = None
    if encoder is not None and search:
        index = Index.open(settings.paths.index, catalog, encoder, settings.retrieval)
        retriever = HybridRetriever(catalog, index, encoder, settings)
        funnels = Funnels(catalog, behavior, settings)
    if encoder is not None and rank and wanted.ranker is not None:
        scorer = load_scorer(settings, encoder, wanted.ranker, catalog=catalog, behavior=behavior)
    stages = Stages(
        catalog=catalog,
        behavior=behavior,
        index_name=index_name,
        retriever=retriever,
        funnels=funnels,
        scorer=scorer,
    )
    warm_up(stages)
    return stages


def load_scorer(
    settings: Settings, encoder: Encoder, version: str, *, catalog: Catalog, behavior: Behavior
) -> WideDeepScorer:
    """Load a version of the ranker over a catalogue and its behaviour.

    Raises:
        ArtifactError: it is not there, broken or does not fit.
    """
    folder = settings.paths.models / "ranker" / version
    return WideDeepScorer.load(folder, catalog=catalog, behavior=behavior, encoder=encoder)


def load_challenger(
    settings: Settings, encoder: Encoder
) -> Callable[[Stages, str], WideDeepScorer]:
    """Return what loads a second ranker over the data of some stages, ready to answer."""

    def load(stages: Stages, version: str) -> WideDeepScorer:
        catalog, behavior = stages.catalog, stages.behavior
        scorer = load_scorer(settings, encoder, version, catalog=catalog, behavior=behavior)
        warm_up(replace(stages, retriever=None, funnels=None, scorer=scorer))
        return scorer

    return load


def warm_up(stages: Stages) -> None:
    """Ask each stage once, so that no child waits for tables that are made at the first request."""
    filters, nobody = Filters(food_type="김밥"), UserProfile(user_id="")
    context = RequestContext(time=_ANY_TIME)
    search = SearchRequest(
        catalog_version=stages.catalog_version,
        query="김밥",
        filters=filters,
        context=context,
        profile=nobody,
        place=None,
    )
    if stages.retriever is not None:
        stages.retriever.search(search)
    if stages.funnels is not None:
        stages.funnels.gather(search)
    if stages.scorer is not None and stages.catalog.size:
        rank = RankRequest(
            catalog_version=stages.catalog_version,
            query="김밥",
            filters=filters,
            context=context,
            profile=nobody,
            place=None,
            rows=np.zeros(1, np.int32),
            funnel_scores=np.zeros((1, len(FUNNELS)), np.float32),
            rag_scores=np.zeros(1, np.float32),
        )
        stages.scorer.rank(rank, top_k=1)


@dataclass(frozen=True, slots=True)
class LocalRetriever:
    """5A in this process, inline: a few milliseconds under the GIL, which a thread would only add switching to."""

    retriever: HybridRetriever

    async def retrieve(self, request: SearchRequest) -> Retrieved:
        return self.retriever.search(request)

    async def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        return self.retriever.explain_nothing(request)


@dataclass(frozen=True, slots=True)
class LocalFunnels:
    """5B in this process, inline."""

    funnels: Funnels

    async def gather(self, request: SearchRequest) -> Funnelled:
        return self.funnels.gather(request)
