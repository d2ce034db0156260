"""Builds what one process serves from `Settings`: the light stages, the state, the pipeline. No Ray here."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from deployments.versioned import DataVersions, Versioned, published
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.dialogue.answers import World
from naviyam.dialogue.in_memory import InMemoryMemory
from naviyam.dialogue.pipeline import Pipeline, Ports
from naviyam.dialogue.ports import (
    EventSink,
    FunnelSource,
    Generator,
    Memory,
    Profiles,
    Ranker,
    Retriever,
)
from naviyam.dialogue.shops import ShopNames
from naviyam.dialogue.sqlite_state import SqliteMemory, SqliteProfiles
from naviyam.errors import NotFoundError
from naviyam.feedback.sink import DurableSink
from naviyam.funnel.merge import Funnels
from naviyam.ids import load_or_create_key
from naviyam.nlg.writer import Writer
from naviyam.nlu.rules import RuleUnderstander
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.request import Filters, RequestContext, Understanding, UserProfile
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.index import Index, folder_name
from naviyam.retrieval.search import HybridRetriever
from naviyam.search import FUNNELS, Funnelled, Ranked, RankRequest, Retrieved, SearchRequest
from naviyam.settings import Settings
from naviyam.text import morphemes

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
        scorer = WideDeepScorer.load(
            settings.paths.models / "ranker" / wanted.ranker,
            catalog=catalog,
            behavior=behavior,
            encoder=encoder,
        )
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
    """5A in this process, in a thread: it and the funnels run at the same time."""

    retriever: HybridRetriever

    async def retrieve(self, request: SearchRequest) -> Retrieved:
        return await asyncio.to_thread(self.retriever.search, request)

    async def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        return self.retriever.explain_nothing(request)


@dataclass(frozen=True, slots=True)
class LocalFunnels:
    """5B in this process."""

    funnels: Funnels

    async def gather(self, request: SearchRequest) -> Funnelled:
        return await asyncio.to_thread(self.funnels.gather, request)


@dataclass(frozen=True, slots=True)
class LocalRanker:
    """6 in this process; a millisecond of numpy, so inline."""

    scorer: WideDeepScorer

    async def rank(self, request: RankRequest, *, top_k: int) -> Ranked:
        return self.scorer.rank(request, top_k=top_k)


@dataclass(frozen=True, slots=True)
class LocalUnderstander:
    """Stage 4 by rules, in this process."""

    rules: RuleUnderstander

    async def understand(self, text: str, turns: Turns) -> Understanding:
        return self.rules.understand(text, turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What outlives a request: memory, profiles, the event log. `key` makes pseudonyms."""

    memory: Memory
    profiles: Profiles
    events: EventSink
    key: bytes
    close: Callable[[], None]


def open_state(
    settings: Settings, clock: Clock, *, seed: Callable[[str], UserProfile | None]
) -> State:
    """Open the state below `settings.paths.state`.

    Memory lives in this process where one ingress serves alone, else in a SQLite file that all of them share.
    """
    serving, root = settings.serving, settings.paths.state
    shared = serving.light_stages == "deployments" or serving.ingress.max_replicas > 1
    closers: list[Callable[[], None]] = []
    memory: Memory
    if shared:
        sqlite = SqliteMemory(
            root / "memory.db",
            clock,
            ttl_s=serving.memory_ttl_s,
            max_sessions=serving.memory_max_sessions,
        )
        closers.append(sqlite.close)
        memory = sqlite
    else:
        memory = InMemoryMemory(
            clock, ttl_s=serving.memory_ttl_s, max_sessions=serving.memory_max_sessions
        )
    profiles = SqliteProfiles(root / "profiles.db", seed)
    events = DurableSink(
        settings.paths.events, clock=clock, fsync_window_s=serving.feedback_fsync_window_s
    )
    closers += [profiles.close, events.close]

    def close() -> None:
        for each in closers:
            each()

    return State(
        memory=memory,
        profiles=profiles,
        events=events,
        key=load_or_create_key(settings.paths.user_key),
        close=close,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One set of versions, ready to answer."""

    pipeline: Pipeline
    catalog: Catalog
    behavior: Behavior

    @property
    def catalog_version(self) -> str:
        """The version of the catalogue it answers from."""
        return self.catalog.version


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStages:
    """Stages that are deployments of their own."""

    retriever: Retriever
    funnels: FunnelSource
    ranker: Ranker


class RuntimeBuilder:
    """Builds a `Runtime` for any published versions; what does not depend on them is made once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        encoder: Encoder | None,
        generator: Generator | None,
        remote: RemoteStages | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._encoder = encoder
        self._remote = remote
        self._writer = Writer(settings.writing, generator, clock)
        self._state: State | None = None
        morphemes.warm_up()

    def start(self) -> tuple[Versioned[Runtime], State]:
        """Load the current versions and open the state.

        Raises:
            NotFoundError: nothing was published yet; the message says what to run.
        """
        first = published(self._settings)
        stages = self._stages(first)
        holder: list[Behavior] = [stages.behavior]
        state = open_state(self._settings, self._clock, seed=lambda user: holder[0].profile(user))
        self._state = state

        def load(wanted: DataVersions) -> Runtime:
            made = stages if wanted == first else self._stages(wanted)
            holder[0] = made.behavior
            return self._runtime(made, wanted, state)

        return Versioned(lambda: published(self._settings), load), state

    def _stages(self, wanted: DataVersions) -> Stages:
        here = self._remote is None
        return load_stages(self._settings, self._encoder, wanted, search=here, rank=here)

    def _runtime(self, stages: Stages, wanted: DataVersions, state: State) -> Runtime:
        catalog = stages.catalog
        gazetteer = Gazetteer.load(self._settings.paths.catalog / catalog.version)
        rules = RuleUnderstander(gazetteer.names(), frozenset(catalog.names))
        rules.understand("김밥 먹고 싶어", Turns())
        retriever, funnels, ranker = self._ports(stages)
        ports = Ports(
            understander=LocalUnderstander(rules),
            retriever=retriever,
            funnels=funnels,
            ranker=ranker,
            memory=state.memory,
            profiles=state.profiles,
            events=state.events,
            writer=self._writer,
        )
        world = World(catalog=catalog, gazetteer=gazetteer, names=ShopNames(catalog))
        pipeline = Pipeline(
            ports,
            world,
            settings=self._settings,
            clock=self._clock,
            versions=self._versions(stages, wanted),
        )
        return Runtime(pipeline=pipeline, catalog=catalog, behavior=stages.behavior)

    def _ports(self, stages: Stages) -> tuple[Retriever, FunnelSource, Ranker]:
        if self._remote is not None:
            return self._remote.retriever, self._remote.funnels, self._remote.ranker
        assert stages.retriever is not None
        assert stages.funnels is not None
        assert stages.scorer is not None
        return (
            LocalRetriever(stages.retriever),
            LocalFunnels(stages.funnels),
            LocalRanker(stages.scorer),
        )

    def _versions(self, stages: Stages, wanted: DataVersions) -> dict[str, str]:
        llm = self._settings.llm
        return {
            "catalogue": stages.catalog.version,
            "index": stages.index_name or f"{stages.catalog.version} (remote)",
            "ranker": wanted.ranker or "none",
            "llm": llm.base if llm.enabled else "none",
            "adapter": adapter_version(self._settings) if llm.enabled else "none",
        }


def adapter_version(settings: Settings) -> str:
    """Return the champion adapter as `name@version`, its name where the card says no version, else `none`."""
    name = settings.llm.adapter
    if not name:
        return "none"
    try:
        card = json.loads((settings.paths.adapters / name / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return name
    return f"{name}@{card['version']}" if isinstance(card, dict) and "version" in card else name


def describe(catalog: Catalog) -> dict[str, Any]:
    """Return what /version tells of the catalogue."""
    return {"version": catalog.version, "shops": catalog.size, "simulated": catalog.simulated}
