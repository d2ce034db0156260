"""The search on Ray Tune: random draws from a space, ASHA ends the hopeless ones, every trial is in MLflow.

A search is named by its inputs: started again after a crash it goes on with the trials that are left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler

from naviyam.settings import Settings
from training.on_ray import TrainingRunError, forget, storage_of
from training.tune.spaces import Between, Space
from training.tune.studies import Study

METRIC = "loss"
REDUCTION = 2
"""Of the trials that reach a rung, one in so many goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One trial: its hyperparameters, least held-out loss, and how many of its epochs it was given."""

    config: Mapping[str, Any]
    loss: float | None
    epochs: int
    of: int

    @property
    def stopped(self) -> bool:
        return self.epochs < self.of


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All trials, the best in front."""

    trials: tuple[Tried, ...]
    tracked: str


def search(settings: Settings, study: Study, *, name: str, samples: int, seed: int) -> Found:
    """Run or go on with a search of `samples` trials.

    Raises:
        TrainingRunError: no trial came to a figure; the message holds the first error.
    """
    storage = storage_of(settings)
    trainable = tune.with_parameters(_trial, study=study.for_trials())
    trainable = tune.with_resources(trainable, {"cpu": settings.distributed.cpus_per_worker})
    path = f"{storage}/{name}"
    tracked = tracking_uri(settings)
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(
            path, trainable=trainable, resume_unfinished=True, restart_errored=True
        )
    else:
        tuner = tune.Tuner(
            trainable,
            param_space=drawn_from(study.space),
            tune_config=tune.TuneConfig(
                metric=METRIC,
                mode="min",
                num_samples=samples,
                scheduler=ASHAScheduler(
                    max_t=study.longest, grace_period=1, reduction_factor=REDUCTION
                ),
                search_alg=tune.search.BasicVariantGenerator(random_state=seed),
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=storage,
                verbose=1,
                callbacks=[
                    MLflowLoggerCallback(
                        tracking_uri=tracked,
                        experiment_name=name.rpartition("-")[0],
                        tags={"search": name},
                    )
                ],
            ),
        )
    results = tuner.fit()
    trials = [_tried(study, r) for r in results]
    done = [t for t in trials if t.loss is not None]
    if not done:
        raise TrainingRunError(
            f"no trial of {name} came to a figure: {next(iter(results.errors), '')}"
        )
    order = sorted(trials, key=lambda t: float("inf") if t.loss is None else t.loss)
    return Found(trials=tuple(order), tracked=tracked)


def tracking_uri(settings: Settings) -> str:
    """Return the tracker's address, its folder made."""
    folder = settings.paths.state.absolute() / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def forget_search(settings: Settings, name: str) -> None:
    """Remove a search's files; the tracker keeps its figures. Idempotent."""
    forget(settings, name)


def drawn_from(space: Space) -> dict[str, Any]:
    """Return a space in Ray's words."""
    return {
        key: tune.loguniform(range_.low, range_.high)
        if isinstance(range_, Between)
        else tune.choice(list(range_.values))
        for key, range_ in space.items()
    }


def _trial(config: dict[str, Any], study: Study) -> None:
    study.trial(config, lambda loss: tune.report({METRIC: loss}))


def _tried(study: Study, result: Any) -> Tried:
    metrics = result.metrics or {}
    return Tried(
        config=dict(result.config),
        loss=metrics.get(METRIC),
        epochs=int(metrics.get("training_iteration", 0)),
        of=study.epochs(result.config),
    )
