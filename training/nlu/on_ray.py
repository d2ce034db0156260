"""The classifier's epochs in Ray Train's workers; each takes its share of every batch, and rank 0 keeps checkpoints."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from naviyam.settings import Settings
from training.exchange import read_state
from training.nlu.train import Task, Tensors, Trainee
from training.on_ray import (
    Pace,
    TrainingRunError,
    exchange_of,
    report_state,
    restored_state,
    run_workers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NluJob:
    """What a worker is sent. `after_epoch` is told each epoch's number in every worker, before it is kept."""

    task: Task
    checkpoint_every_s: float
    after_epoch: Callable[[int], None] | None = None


def fit_on_ray(
    settings: Settings,
    task: Task,
    *,
    name: str,
    workers: int,
    after_epoch: Callable[[int], None] | None = None,
) -> Tensors:
    """Run the epochs of `train.Trainee` in `workers` processes; with one the weights are those of the plain loop."""
    every_s = settings.distributed.checkpoint_every_s
    job = NluJob(task=task, checkpoint_every_s=every_s, after_epoch=after_epoch)
    folder = run_workers(settings, work, {"job": job}, name=name, workers=workers)
    try:
        state = read_state(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if state is None:
        raise TrainingRunError(f"the last checkpoint of run {name} holds no state")
    tensors: Tensors = state["model"]
    return tensors


def work(arguments: dict[str, Any]) -> None:
    """Run in one worker, from the last checkpoint if there is one."""
    job: NluJob = arguments["job"]
    exchange = exchange_of("ddp")
    trainee, pace = Trainee(job.task, exchange=exchange), Pace(exchange, job.checkpoint_every_s)

    def after(trained: Trainee) -> None:
        if job.after_epoch is not None:
            job.after_epoch(trained.epoch)
        if trained.epoch == job.task.config.epochs or pace.due():
            report_state(trained.state(), {"epoch": trained.epoch})

    trainee.fit(after=after, restored=restored_state())
