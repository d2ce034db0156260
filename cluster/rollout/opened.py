"""The rollouts of an installation: its database, its registry, the variants that its settings name."""

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from cluster.database import open_engine
from cluster.registry.models import ModelRegistry
from cluster.rollout.experiment import Experiment
from cluster.rollout.log import observe
from cluster.rollout.observed import Seen
from cluster.rollout.rollouts import Rollouts
from cluster.rollout.sql_store import SqlExperiments
from naviyam.clock import Clock, SystemClock
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings


class _WhenNeeded:
    """The registry, opened at its first use: MLflow takes seconds to import, a rollback must not wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _registry(self) -> ModelRegistry:
        module = importlib.import_module("cluster.registry.mlflow_registry")
        return cast(ModelRegistry, module.open_registry(self._settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


@dataclass(frozen=True, slots=True)
class LogObserver:
    """`cluster.rollout.part.Observer` over the installation's event log."""

    store: EventStore

    def seen(self, experiment: Experiment) -> tuple[Seen, ...]:
        return observe(
            self.store,
            experiment=experiment.id,
            layer=experiment.layer,
            since=experiment.created_at,
        )


def open_rollouts(settings: Settings, clock: Clock | None = None) -> Rollouts:
    """Return the commands over an installation's own store and registry."""
    return Rollouts(
        experiments=SqlExperiments(open_engine(settings)),
        registry=cast(ModelRegistry, _WhenNeeded(settings)),
        clock=clock or SystemClock(),
        settings=settings,
        variants={
            "retriever": frozenset(settings.retrieval.variants),
            "prompt": frozenset(settings.writing.variants),
        },
    )
