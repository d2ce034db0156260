"""Builds what one process serves from `Settings`: a pipeline over ports, for whichever versions are current. No Ray here."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.registry.champion import adapter_version, reader_version
from deployments.rankers import ArmedRanker, Challengers, LocalRanker
from deployments.stages import (
    LocalFunnels,
    LocalRetriever,
    Stages,
    load_challenger,
    load_stages,
)
from deployments.state import State, open_state
from deployments.versioned import DataVersions, Versioned, published
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.dialogue.answers import World
from naviyam.dialogue.pipeline import Pipeline, Ports
from naviyam.dialogue.ports import FunnelSource, Generator, Retriever
from naviyam.dialogue.screening import open_screen
from naviyam.dialogue.shops import ShopNames
from naviyam.errors import ArtifactError
from naviyam.feedback.log import Commit
from naviyam.nlg.generator import ArmGenerator
from naviyam.nlg.writer import Writer
from naviyam.nlu.classifier import Classifier
from naviyam.nlu.layers import LayeredUnderstander, open_classifier
from naviyam.nlu.rules import RuleUnderstander
from naviyam.nlu.third import Reader, ThirdLayer
from naviyam.retrieval.encoder import PACKAGED, Encoder, load_encoder
from naviyam.settings import Settings
from naviyam.spans import NO_SPANS, Spans
from naviyam.text import morphemes

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One set of versions, ready to answer."""

    pipeline: Pipeline
    catalog: Catalog
    behavior: Behavior
    ranker: ArmedRanker

    @property
    def catalog_version(self) -> str:
        """The version of the catalogue it answers from."""
        return self.catalog.version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedClassifier:
    """An intent classifier, None where the rules are alone, and the name of its version."""

    name: str
    use: Classifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStages:
    """Stages that are deployments of their own."""

    retriever: Retriever
    funnels: FunnelSource
    ranker: ArmedRanker


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
        reader: Reader | None = None,
        spans: Spans = NO_SPANS,
        told: Callable[[Commit], None] = lambda commit: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._encoder = encoder
        self._remote = remote
        self._reader = reader
        self._spans = spans
        self._told = told
        armed = generator and ArmGenerator(generator, timeout_s=settings.rollout.arm_timeout_s)
        self._writer = Writer(settings.writing, armed, clock)
        if encoder is None and settings.retrieval.encoder == PACKAGED:
            # search is elsewhere, messages are read here
            encoder = load_encoder(settings.retrieval)
        self._reading_encoder = encoder
        here = encoder if remote is None else None
        self._challengers = None if here is None else Challengers(load_challenger(settings, here))
        self._classifiers: dict[str | None, NamedClassifier] = {}
        self._screen = open_screen(settings, encoder)
        self._screen.judge("김밥 먹고 싶어")
        self._state: State | None = None
        morphemes.warm_up()

    def start(self) -> tuple[Versioned[Runtime], State]:
        """Load the current versions and open the state.

        Raises:
            NotFoundError: nothing was published yet; the message says what to run.
        """
        first = published(self._settings)
        self._first_classifier(first)
        stages = self._stages(first)
        holder: list[Behavior] = [stages.behavior]
        state = open_state(
            self._settings,
            self._clock,
            seed=lambda user: holder[0].profile(user),
            told=self._told,
        )
        self._state = state

        def load(wanted: DataVersions) -> Runtime:
            made = stages if wanted == first else self._stages(wanted)
            holder[0] = made.behavior
            return self._runtime(made, wanted, state)

        return Versioned(lambda: published(self._settings), load), state

    def build(self, state: State, *, writer: Writer) -> Runtime:
        """Return the current versions over a state and with a writer that the caller made.

        Raises:
            NotFoundError: nothing was published yet; the message says what to run.
        """
        self._writer = writer
        wanted = published(self._settings)
        self._first_classifier(wanted)
        return self._runtime(self._stages(wanted), wanted, state)

    def _first_classifier(self, wanted: DataVersions) -> None:
        """At the start nothing serves yet that could serve on: a bad classifier is replaced by the repository's."""
        try:
            self._classifier(wanted.nlu)
        except ArtifactError as e:
            _logger.error("classifier %s was refused, the repository's serves: %s", wanted.nlu, e)
            self._classifiers[wanted.nlu] = self._classifier(None)

    def _classifier(self, version: str | None) -> NamedClassifier:
        """Return the published classifier of a version, the repository's for None; each is read once.

        Raises:
            ArtifactError: the published one cannot be used.
        """
        if version not in self._classifiers:
            settings, encoder = self._settings, self._reading_encoder
            if version is None or not settings.nlu.classifier or encoder is None:
                made = NamedClassifier(name="repository", use=open_classifier(settings, encoder))
            else:
                folder = settings.paths.models / "nlu" / version
                made = NamedClassifier(name=version, use=Classifier.load(folder, encoder))
            self._classifiers = {**dict(list(self._classifiers.items())[-1:]), version: made}
        return self._classifiers[version]

    def _stages(self, wanted: DataVersions) -> Stages:
        here = self._remote is None
        return load_stages(self._settings, self._encoder, wanted, search=here, rank=here)

    def _runtime(self, stages: Stages, wanted: DataVersions, state: State) -> Runtime:
        catalog = stages.catalog
        gazetteer = Gazetteer.load(self._settings.paths.catalog / catalog.version)
        layers = LayeredUnderstander(
            RuleUnderstander(gazetteer.names(), frozenset(catalog.names)),
            self._classifier(wanted.nlu).use,
            ask_below=self._settings.nlu.ask_classifier_below,
        )
        for text in ("김밥 먹고 싶어", "그건 좀 그래"):  # the second asks every layer
            layers.understand(text, Turns())
        retriever, funnels, ranker = self._ports(stages)
        ports = Ports(
            understander=ThirdLayer(layers, self._reader, self._settings.nlu, self._clock),
            retriever=retriever,
            funnels=funnels,
            ranker=ranker,
            memory=state.memory,
            profiles=state.profiles,
            events=state.events,
            writer=self._writer,
            screen=self._screen,
            spans=self._spans,
        )
        world = World(catalog=catalog, gazetteer=gazetteer, names=ShopNames(catalog))
        pipeline = Pipeline(
            ports,
            world,
            settings=self._settings,
            clock=self._clock,
            versions=self._versions(stages, wanted),
        )
        return Runtime(pipeline=pipeline, catalog=catalog, behavior=stages.behavior, ranker=ranker)

    def _ports(self, stages: Stages) -> tuple[Retriever, FunnelSource, ArmedRanker]:
        if self._remote is not None:
            return self._remote.retriever, self._remote.funnels, self._remote.ranker
        assert stages.retriever is not None
        assert stages.funnels is not None
        assert self._challengers is not None
        return (
            LocalRetriever(stages.retriever),
            LocalFunnels(stages.funnels),
            LocalRanker(stages, self._challengers),
        )

    def _versions(self, stages: Stages, wanted: DataVersions) -> dict[str, str]:
        llm = self._settings.llm
        return {
            "catalogue": stages.catalog.version,
            "index": stages.index_name or f"{stages.catalog.version} (remote)",
            "ranker": wanted.ranker or "none",
            "llm": llm.base if llm.enabled else "none",
            "nlu": self._classifier(wanted.nlu).name,
            "safety": self._screen.version,
            "adapter": adapter_version(self._settings) if llm.enabled else "none",
            **self._reading(),
        }

    def _reading(self) -> dict[str, str]:
        if self._reader is None:
            return {}
        return {"nlu_adapter": reader_version(self._settings)}


def describe(catalog: Catalog) -> dict[str, Any]:
    """Return what /version tells of the catalogue."""
    return {"version": catalog.version, "shops": catalog.size, "simulated": catalog.simulated}
