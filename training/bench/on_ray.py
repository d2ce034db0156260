"""Meters: one timed run of a loop, plain or with workers. Times are taken where the loop runs and handed over in a file."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
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

Meter = Callable[[int, int], float]
"""Runs with so many workers (0: the plain loop) as the n-th of them; returns rows a second."""

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

    def meter(workers: int, number: int) -> float:
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

    def meter(workers: int, number: int) -> float:
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
        file.write(f"{time.monotonic()}\n")


def _rate(marks: Path, workers: int, *, of: int, times: int) -> float:
    """Return rows a second between the end of the first round of `of` rows and the last, all processes done."""
    at = sorted(float(line) for line in marks.read_text(encoding="utf-8").split())
    processes = max(workers, 1)
    first, last = at[processes - 1], at[-1]
    return of * (times - 1) / (last - first)
