"""What every training on Ray Train shares: the cluster, the workers, checkpoints. The loops themselves know no Ray.

A run is named by its inputs. Started again under that name, after a killed worker, driver or head, it goes on from the
last checkpoint in `distributed.storage`; a finished one gives its result at once.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import ray
import ray.data
import ray.train
import ray.train.torch
import torch
from pyarrow.fs import FileSystem
from ray._private import ray_constants
from torch import nn

from cluster.ray_io.head import Head, find_head
from naviyam.clock import Clock, SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.exchange import Blocks, Exchange, Strategy, read_state, sharded, write_state

CHECKPOINTS_KEPT = 2


class TrainingRunError(NaviyamError, RuntimeError):
    """The workers failed more often than `distributed.max_failures`, or for a reason that repeats itself."""


def run_name(kind: str, *parts: object) -> str:
    """Return the name of a run: the same inputs give the same name, and so go on with what a crash left."""
    text = json.dumps([str(p) for p in parts])
    return f"{kind}-{blake2b(text.encode(), digest_size=6).hexdigest()}"


@contextmanager
def cluster_of(settings: Settings, environ: Mapping[str, str], *, workers: int) -> Iterator[None]:
    """Be connected to a cluster: the caller's, the configured one, the job's own, `naviyam up`'s, or one for this run."""
    if ray.is_initialized():
        yield
        return
    head = find_head(settings)
    if settings.distributed.address:
        ray.init(address=settings.distributed.address)
    elif environ.get("RAY_ADDRESS"):
        ray.init()
    elif head is not None:
        connect(head)
    else:
        cpus = max(os.cpu_count() or 1, int(workers * settings.distributed.cpus_per_worker) + 1)
        ray.init(address="local", num_cpus=cpus, include_dashboard=False)
    try:
        yield
    finally:
        ray.shutdown()


def connect(head: Head, *, log_to_driver: bool = True) -> None:
    """Connect this process to a head of this machine, by its loopback address as its own processes are."""
    # Ray replaces 127.0.0.1 by the machine's outer address, where no such head listens. The variable that forbids it
    # (the head's processes have it) is read when Ray is imported: too early for a process that was started by hand.
    ray_constants.ENABLE_RAY_CLUSTER = False
    ray.init(address=head.gcs, log_to_driver=log_to_driver)


def storage_of(settings: Settings) -> str:
    """Return where checkpoints lie: an absolute folder or a URI."""
    uri = settings.distributed.storage
    return uri if "://" in uri else str(Path(uri or settings.paths.runs).absolute())


def run_workers(
    settings: Settings,
    work: Callable[[dict[str, Any]], None],
    job: dict[str, Any],
    *,
    name: str,
    workers: int,
    datasets: Mapping[str, Any] | None = None,
    split: tuple[str, ...] = (),
) -> Path:
    """Run `work(job)` in `workers` processes and return a folder with the last checkpoint, fetched here.

    `split` names the data sets of which each worker gets its part; the others it gets whole.

    Raises:
        TrainingRunError: with what the workers said.
    """
    options = settings.distributed
    resources = {"CPU": options.cpus_per_worker}
    if options.gpus_per_worker:
        resources["GPU"] = options.gpus_per_worker
    order = ray.data.ExecutionOptions(preserve_order=True)
    trainer = ray.train.torch.TorchTrainer(
        work,
        train_loop_config=job,
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers,
            use_gpu=options.gpus_per_worker > 0,
            resources_per_worker=resources,
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=storage_of(settings),
            failure_config=ray.train.FailureConfig(max_failures=options.max_failures),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=CHECKPOINTS_KEPT),
        ),
        datasets=dict(datasets or {}),
        dataset_config=ray.train.DataConfig(datasets_to_split=list(split), execution_options=order),
    )
    try:
        result = trainer.fit()
    except ray.train.v2.api.exceptions.TrainingFailedError as e:
        raise TrainingRunError(f"run {name} failed: {e}") from e
    if result.checkpoint is None:
        raise TrainingRunError(f"run {name} ended without a checkpoint; see {storage_of(settings)}")
    return Path(result.checkpoint.to_directory(tempfile.mkdtemp(prefix=f"{name}-")))


def forget(settings: Settings, name: str) -> None:
    """Remove a run's checkpoints, once its result is kept elsewhere. Idempotent."""
    filesystem, path = FileSystem.from_uri(storage_of(settings))
    try:
        filesystem.delete_dir(f"{path}/{name}")
    except FileNotFoundError:
        return


def exchange_of(strategy: Strategy) -> Exchange:
    """Return this worker's part in the exchange of gradients."""
    context = ray.train.get_context()
    world = context.get_world_size()

    def wrap(module: nn.Module) -> nn.Module:
        if strategy == "fsdp" and world > 1:
            blocks = module.blocks() if isinstance(module, Blocks) else []
            return sharded(module.to(ray.train.torch.get_device()), blocks)
        wrapped: nn.Module = ray.train.torch.prepare_model(module)
        return wrapped

    return Exchange(rank=context.get_world_rank(), world=world, wrap=wrap)


def restored_state() -> dict[str, Any] | None:
    """Return the state of the last checkpoint of this run, None at its beginning."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return read_state(Path(folder))


class Pace:
    """Says when a checkpoint is due where rounds are short: Ray takes a worker's next report after seconds only.

    Every worker must ask at the same points; rank 0's clock decides for all.
    """

    def __init__(self, exchange: Exchange, every_s: float, clock: Clock | None = None) -> None:
        self._exchange, self._every_s = exchange, every_s
        self._clock = clock or SystemClock()
        self._last_s = self._clock.monotonic_s()

    def due(self) -> bool:
        """Return whether `every_s` have passed since the last one."""
        now_s = self._clock.monotonic_s()
        says = self._exchange.rank == 0 and now_s - self._last_s >= self._every_s
        told = self._exchange.total(torch.tensor(float(says), device=ray.train.torch.get_device()))
        if float(told) > 0:
            self._last_s = now_s
        return float(told) > 0


def report_state(
    state: dict[str, Any],
    metrics: Mapping[str, Any],
    *,
    also: Callable[[Path], None] | None = None,
) -> None:
    """Keep a checkpoint (rank 0's; `also` writes into its folder); every worker must call it at the same points."""
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report(dict(metrics))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_state(Path(folder), state)
        if also is not None:
            also(Path(folder))
        ray.train.report(dict(metrics), checkpoint=ray.train.Checkpoint.from_directory(folder))
