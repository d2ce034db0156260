"""The whole initial training as one call: current catalogue, samples, network, published model. For CLI and bootstrap."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.clock import Clock
from naviyam.evaluation.ranking import RankingReport
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.settings import Settings
from training.wide_deep import dataset, loop
from training.wide_deep.incremental import Fit, fit_here
from training.wide_deep.output import write_model


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where the model lies, what it reached, how long samples and training took."""

    version: str
    folder: Path
    dataset: Path
    metrics: Mapping[str, Any]
    reports: Mapping[str, RankingReport]
    losses: tuple[float, ...]
    card: Mapping[str, Any]
    prepare_s: float
    train_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for one line of JSON."""
        return {
            "version": self.version,
            "folder": str(self.folder),
            "dataset": str(self.dataset),
            "simulated": self.card["simulated"],
            "rows": self.card["rows"],
            "metrics": dict(self.metrics),
            "losses": [round(x, 4) for x in self.losses],
            "prepare_s": round(self.prepare_s, 2),
            "train_s": round(self.train_s, 2),
        }


def run(
    settings: Settings,
    *,
    clock: Clock,
    threads: int = 1,
    code_version: str = "unknown",
    encoder: Encoder | None = None,
    fit: Fit | None = None,
    out: Path | None = None,
) -> RunResult:
    """Train on the current catalogue and publish under `settings.paths.models / "ranker"`, or write to `out`.

    `fit` runs the epochs; without it they run in this process.

    Raises:
        NotFoundError: there is no catalogue yet.
        ConflictError: there is too little behaviour.
    """
    folder = versions.current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    behavior = Behavior.load(folder, catalog)
    encoder = encoder or load_encoder(settings.retrieval)
    options = settings.ranker_training
    version = versions.version_name(clock.now())
    began = clock.monotonic_s()
    prepared = dataset.prepare(catalog, behavior, encoder, settings)
    data = dataset.publish(settings.paths.state / "datasets" / "ranker", version, prepared)
    ready = clock.monotonic_s()
    task, rows = loop.task_of(prepared, options, threads=threads)
    trained = loop.finished((fit or fit_here)(task, rows), task, prepared)
    done = clock.monotonic_s()
    if out is not None:
        contents = loop.contents(trained, prepared, encoder.name, options.seed, code_version)
        version, model = write_model(out, **contents), out
    else:
        model = _published(settings, version, trained, prepared, encoder.name, code_version)
    return RunResult(
        version=version,
        folder=model,
        dataset=data,
        metrics=trained.metrics,
        reports=trained.reports,
        losses=trained.losses,
        card=prepared.card,
        prepare_s=ready - began,
        train_s=done - ready,
    )


def _published(
    settings: Settings,
    version: str,
    trained: loop.Trained,
    prepared: dataset.Prepared,
    encoder: str,
    code_version: str,
) -> Path:
    return loop.save(
        settings.paths.models / "ranker",
        version,
        trained,
        prepared,
        encoder=encoder,
        seed=settings.ranker_training.seed,
        code_version=code_version,
    )
