"""The rollouts of an installation: its database, its registry, the variants that its settings name."""

from cluster.database import open_engine
from cluster.registry.mlflow_registry import open_registry
from cluster.rollout.rollouts import Rollouts
from cluster.rollout.sql_store import SqlExperiments
from naviyam.clock import Clock, SystemClock
from naviyam.settings import Settings


def open_rollouts(settings: Settings, clock: Clock | None = None) -> Rollouts:
    """Return the commands over an installation's own store and registry."""
    return Rollouts(
        experiments=SqlExperiments(open_engine(settings)),
        registry=open_registry(settings),
        clock=clock or SystemClock(),
        settings=settings,
        variants={
            "retriever": frozenset(settings.retrieval.variants),
            "prompt": frozenset(settings.writing.variants),
        },
    )
