"""The LoRA loop in Ray Train's workers: each opens the base, takes its share of every step, and rank 0 keeps checkpoints."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naviyam.settings import Settings
from training.lora.base import prepare_base
from training.lora.loop import Corpus, LoraTraining, Progress, Report, Trainee
from training.lora.model import save_adapter
from training.on_ray import exchange_of, report_state, restored_state, run_workers

METRICS_FILE = "metrics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraJob:
    """What a worker is sent. `base` names a folder; None lets every node prepare the configured one.

    `told` hears of progress in every worker.
    """

    settings: Settings
    corpus: Corpus
    config: LoraTraining
    parent: Path | None = None
    base: Path | None = None
    told: Report | None = None


def train_on_ray(job: LoraJob, out: Path, *, name: str, workers: int) -> dict[str, float]:
    """Train with `workers` processes into `out`; the adapter and the figures are those of `loop.train`."""
    folder = run_workers(job.settings, work, {"job": job}, name=name, workers=workers)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(folder / file, out / f".{file}.tmp")
            (out / f".{file}.tmp").replace(out / file)
        metrics: dict[str, float] = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return metrics


def work(arguments: dict[str, Any]) -> None:
    """Run in one worker, from the last checkpoint if there is one."""
    job: LoraJob = arguments["job"]
    exchange = exchange_of(job.settings.distributed.strategy)
    trainee = Trainee(
        job.base or prepare_base(job.settings), job.config, exchange=exchange, parent=job.parent
    )

    def say(progress: Progress) -> None:
        if job.told is not None:
            job.told(progress)
        if exchange.rank == 0:
            sys.stderr.write(f"step {progress.step}/{progress.steps} loss {progress.loss:.3f}\n")

    metrics, tensors = trainee.fit(
        job.corpus,
        report=say,
        save=lambda state: report_state(state, state["figures"] | {"step": state["step"]}),
        restored=restored_state(),
    )

    def finish(folder: Path) -> None:
        save_adapter(trainee.model, tensors, folder)
        (folder / METRICS_FILE).write_text(json.dumps(metrics), encoding="utf-8")

    report_state(trainee.state(int(metrics["steps"]), metrics), metrics, also=finish)
