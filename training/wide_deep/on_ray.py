"""The ranker's epochs in Ray Train's workers; Ray Data streams each its part of the rows from Parquet."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import ray.data
import ray.train
from pyarrow.fs import FileSystem

from naviyam.settings import Settings
from training.exchange import read_state
from training.on_ray import (
    Pace,
    TrainingRunError,
    exchange_of,
    forget,
    report_state,
    restored_state,
    run_workers,
    storage_of,
)
from training.wide_deep.fit import Fitted, Task, Trainee, Window, Windows, window_of
from training.wide_deep.rows import Rows

ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerJob:
    """What a worker is sent. `after_epoch` is told each epoch's number in every worker, before it is kept."""

    task: Task
    checkpoint_every_s: float
    after_epoch: Callable[[int], None] | None = None


def fit_on_ray(
    settings: Settings,
    task: Task,
    rows: Rows,
    *,
    name: str,
    workers: int,
    after_epoch: Callable[[int], None] | None = None,
) -> Fitted:
    """Run the epochs of `fit.Trainee` in `workers` processes; with one the weights are those of the plain loop."""
    uri = f"{storage_of(settings)}/{name}.data"
    filesystem, path = FileSystem.from_uri(uri)
    filesystem.create_dir(path, recursive=True)
    pq.write_table(rows.to_table(), f"{path}/rows.parquet", filesystem=filesystem)
    ray.data.DataContext.get_current().enable_progress_bars = False
    folder = run_workers(
        settings,
        work,
        {
            "job": RankerJob(
                task=task,
                checkpoint_every_s=settings.distributed.checkpoint_every_s,
                after_epoch=after_epoch,
            )
        },
        name=name,
        workers=workers,
        datasets={ROWS: ray.data.read_parquet(path, filesystem=filesystem)},
        split=(ROWS,),
    )
    try:
        state = read_state(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if state is None:
        raise TrainingRunError(f"the last checkpoint of run {name} holds no state")
    return Fitted(
        tensors=state["best"],
        losses=tuple(state["losses"]),
        validation=tuple(state["validation"]),
    )


def forget_run(settings: Settings, name: str) -> None:
    """Remove a run's checkpoints and rows. Idempotent."""
    forget(settings, name)
    forget(settings, f"{name}.data")


def work(arguments: dict[str, Any]) -> None:
    """Run in one worker, from the last checkpoint if there is one."""
    job: RankerJob = arguments["job"]
    exchange = exchange_of("ddp")
    trainee = Trainee(job.task, exchange=exchange)
    pace = Pace(exchange, job.checkpoint_every_s)

    def after(trained: Trainee) -> None:
        if job.after_epoch is not None:
            job.after_epoch(len(trained.losses))
        if len(trained.losses) == job.task.rates.epochs or pace.due():
            report_state(
                trained.state(),
                {
                    "epoch": len(trained.losses),
                    "loss": trained.losses[-1],
                    "validation_loss": trained.validation[-1],
                },
            )

    trainee.fit(_windows(job.task), after=after, restored=restored_state())


def _windows(task: Task) -> Windows:
    """Return this worker's part as windows, streamed anew every epoch; where one holds it all it is kept."""
    shard = ray.train.get_dataset_shard(ROWS)
    kept: list[Window] = []

    def stream() -> Iterator[Window]:
        blocks = shard.iter_batches(
            batch_size=task.rates.shuffle_window, batch_format="numpy", prefetch_batches=1
        )
        for i, block in enumerate(blocks):
            window = window_of(Rows.of(block), task)
            kept[:] = [window] if i == 0 else []
            yield window

    def windows() -> Iterable[Window]:
        return list(kept) if kept else stream()

    return windows
