"""Meters: one timed run of a loop, plain or with workers. Times are taken where the loop runs and handed over in a file."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.retrieval.encoder import load_encoder
from naviyam.settings import Settings
from naviyam.versions import current
from training.lora.base import prepare_base
from training.lora.data import make_samples
from training.lora.loop import Corpus, LoraTraining, Progress, train
from training.lora.on_ray import LoraJob, train_on_ray
from training.on_ray import forget, run_name
from training.wide_deep import dataset, loop
from training.wide_deep.fit import Trainee, windows_of
from training.wide_deep.on_ray import fit_on_ray, forget_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Rows a second of time, and of the processors' time: the second is much the same on a machine that does other things."""

    per_s: float
    per_cpu_s: float


Meter = Callable[[int, int], Rate]
"""Runs with so many workers (0: the plain loop) as the n-th of them."""

EPOCHS = 24
STEPS = 7
BATCH = 2


def ranker_meter(settings: Settings) -> Meter:
    """Return the meter of the ranker on the current catalogue's behaviour."""
    folder = current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    encoder = load_encoder(settings.retrieval)
    prepared = dataset.prepare(catalog, Behavior.load(folder, catalog), encoder, settings)
    task, rows = loop.task_of(prepared, settings.ranker_training)
    task = replace(task, rates=replace(task.rates, epochs=EPOCHS))

    def meter(workers: int, number: int) -> Rate:
        with tempfile.TemporaryDirectory() as place:
            marks = Path(place) / "marks"

            def mark(epoch: int) -> None:
                _mark(marks)

            if workers:
                name = run_name("bench-ranker", place)
                fit_on_ray(settings, task, rows, name=name, workers=workers, after_epoch=mark)
                forget_run(settings, name)
            else:
                Trainee(task).fit(windows_of(rows, task), after=lambda _: _mark(marks))
            return _rate(marks, workers, of=len(rows), times=EPOCHS)

    return meter


def lora_meter(settings: Settings) -> Meter:
    """Return the meter of a few LoRA steps on the configured base."""
    catalog = Catalog.load(current(settings.paths.catalog))
    samples = make_samples(catalog, count=BATCH * STEPS * 2, seed=settings.seed)
    config = LoraTraining(
        target_modules=settings.llm.target_modules,
        epochs=1,
        batch_size=BATCH,
        max_steps=STEPS,
        report_every=1,
        held_out=2,
    )
    corpus = Corpus.split(samples, config)
    base = prepare_base(settings)

    def meter(workers: int, number: int) -> Rate:
        with tempfile.TemporaryDirectory() as place:
            marks = Path(place) / "marks"

            def told(progress: Progress) -> None:
                if progress.perplexity is None:
                    _mark(marks)

            out = Path(place) / "adapter"
            if workers:
                name = run_name("bench-lora", place)
                job = LoraJob(settings=settings, corpus=corpus, config=config, base=base, told=told)
                train_on_ray(job, out, name=name, workers=workers)
                forget(settings, name)
            else:
                train(base, corpus, out, config, report=told)
            return _rate(marks, workers, of=BATCH, times=STEPS - 1)

    return meter


def _mark(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {time.monotonic()} {time.process_time()}\n")


def _rate(marks: Path, workers: int, *, of: int, times: int) -> Rate:
    """Return the rates between the end of the first round of `of` rows and the last, all processes done."""
    lines = [line.split() for line in marks.read_text(encoding="utf-8").splitlines()]
    at = sorted(float(wall) for _, wall, _ in lines)
    spent = [[float(cpu) for own, _, cpu in lines if own == pid] for pid in {x[0] for x in lines}]
    rows = of * (times - 1)
    return Rate(
        per_s=rows / (at[-1] - at[max(workers, 1) - 1]),
        per_cpu_s=rows / sum(max(each) - min(each) for each in spent),
    )
