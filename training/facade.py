"""The trainer surface that earlier code was written against (spec 7): pipeline, programs, registry and Ray jobs under its names.

No logic of its own. The schedule and the queue are the job controller's.
"""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cluster.comparison import compare
from cluster.jobs.commands import JobCommands
from cluster.registry.models import Lineage, ModelRegistry
from naviyam import versions
from naviyam.clock import Clock, SystemClock
from naviyam.errors import NotFoundError
from naviyam.feedback.query import query
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings
from training.datasets.given import publish_given
from training.datasets.read import read_card
from training.pipelines.learn import Options, learn
from training.pipelines.runner import LocalRunner, Runner

WHO: Final = "trainer facade"
Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTrainer:
    """What `create_lora_trainer` returns. Every call blocks until it is done."""

    model: str
    events: EventStore
    settings: Settings
    config: Path | None
    registry: ModelRegistry
    runner: Runner
    clock: Clock

    def start_auto_training(self) -> dict[str, Any]:
        """Learn once from what is new, all kinds of models; return the outcome of `naviyam learn`.

        `{run, ranker: {decision, version, reasons, metrics, champion}, nlg: {...}}`, or `skipped` with the reason. The
        job controller's schedule is what repeats it.
        """
        return self._learn()

    def manual_trigger_training(self, name: str) -> dict[str, Any]:
        """Learn once, only the model `name` (`nlg` or `ranker`); return what `start_auto_training` does."""
        return self._learn(name)

    def train_lora_adapter(
        self, name: str, data: Path | str | Rows, *, simulated: bool = True
    ) -> dict[str, Any]:
        """Train an adapter further on given data and register it; it does not serve before it is promoted.

        Args:
            name: the adapter's name in the registry.
            data: a data set's folder, or rows of `prompt` and `completion`, which are written as a data set.
            simulated: what the card of such rows says; False only where real children said them.

        Returns:
            `{name, version, folder, data, metrics}`; metrics are the trainer's on the held-out part.
        """
        self.registry.adopt(name)
        parent = self.registry.alias(name, "champion")
        if parent is None:
            raise NotFoundError(f"no {name} serves; run `naviyam bootstrap` first")
        folder = self._data(name, data, simulated=simulated)
        work = self._work(name)
        config = ["--config", str(self.config)] if self.config else []
        trained = self.runner.run(
            "train",
            work,
            "training.lora",
            [
                *config,
                *("--data", str(folder), "--parent", str(parent.folder), "--out", str(work / name)),
            ],
        )
        card = read_card(folder)
        lineage = Lineage(
            parent=parent.version,
            dataset_hash=str(card["hash"]),
            dataset_folder=str(folder),
            simulated=bool(card["simulated"]),
        )
        made = self.registry.register(
            name, work / name, lineage=lineage, metrics=trained["metrics"]
        )
        return {
            "name": name,
            "version": made.version,
            "folder": str(made.folder),
            "data": str(folder),
            "metrics": dict(made.metrics),
        }

    def rollback_adapter(self, name: str) -> dict[str, Any]:
        """Let the last good version serve again; return the history's entry `{version, previous, act, who, why, at, ...}`."""
        return asdict(self.registry.rollback(name, who=WHO, why="rolled back through the facade"))

    def get_data_statistics(self) -> dict[str, Any]:
        """Return `{interactions: {all, simulated}, feedback: {all, simulated}, sets: {name: {version, hash, rows, simulated}}}`."""
        counts = {
            kind: dict(zip(("all", "simulated"), self._counts(kind), strict=True))
            for kind in ("interactions", "feedback")
        }
        return {**counts, "sets": self._sets()}

    def compare_adapter_performance(
        self, names: Sequence[str], data: Path | None = None
    ) -> dict[str, Any]:
        """Measure versions of the adapter (or `champion`, `challenger`) on the same held-out data, the first as reference.

        Returns:
            `{model, against, data, metrics: {version: {...}}, differences: {version: {metric: {mean, low, high}}}}`.
        """
        config = ["--config", str(self.config)] if self.config else []
        work, pairs = self._work("compare"), itertools.count(1)
        return compare(
            self.settings,
            self.registry,
            self.model,
            names,
            data=data,
            run=lambda module, rest: self.runner.run(
                f"pair-{next(pairs)}", work, module, [*rest, *config]
            ),
        )

    def _learn(self, *only: str) -> dict[str, Any]:
        return learn(
            self.settings,
            self.config,
            runner=self.runner,
            registry=self.registry,
            clock=self.clock,
            options=Options(only=only, who=WHO),
            say=_say,
        )

    def _work(self, what: str) -> Path:
        """Return a new folder for the programs of one call."""
        now = versions.version_name(self.clock.now())
        return self.settings.paths.state / "facade" / f"{what}-{now}"

    def _data(self, name: str, data: Path | str | Rows, *, simulated: bool) -> Path:
        if isinstance(data, Path | str):
            return Path(data)
        return publish_given(
            self.settings.paths.state / "datasets" / f"{name}-given",
            data,
            now=self.clock.now(),
            train_share=self.settings.learning.train_share,
            simulated=simulated,
        ).folder

    def _counts(self, kind: str) -> tuple[int, int]:
        answered = " WHERE error IS NULL" if kind == "interactions" else ""
        sql = f"SELECT count(*), count(*) FILTER (WHERE simulated) FROM {kind}{answered}"
        every, simulated = query(self.events, sql, limit=1).rows[0]
        return int(every), int(simulated)

    def _sets(self) -> dict[str, Any]:
        root = self.settings.paths.state / "datasets"
        found = {}
        for folder in sorted(root.glob("*/")):
            if (version := versions.current_version(folder)) is not None:
                card = read_card(folder / version)
                found[folder.name] = {
                    "version": version,
                    **{k: card[k] for k in ("hash", "rows", "simulated")},
                }
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTrainingScheduler:
    """Puts training into the job controller's queue. Works while the controller is down; it runs when that is up."""

    commands: JobCommands

    def submit_job(self, job_type: str, config: Mapping[str, Any], priority: int) -> str:
        """Queue a job and return its id at once; `naviyam jobs show ID` tells what becomes of it.

        Args:
            job_type: a kind of `cluster.jobs.kinds`.
            config: the program's options by name, `max_steps` for `--max-steps`; True sets a flag, a list repeats values.
            priority: greater is sooner.

        Raises:
            InputError: there is no such type.
            OverloadedError: the queue is full.
        """
        arguments = [part for name, value in config.items() for part in _option(name, value)]
        return self.commands.submit(job_type, arguments, who=WHO, priority=priority).id


def create_lora_trainer(
    model: str,
    data_collector: EventStore | None,
    config: Path | str | None,
    *,
    registry: ModelRegistry | None = None,
    runner: Runner | None = None,
    clock: Clock | None = None,
) -> LoraTrainer:
    """Return a trainer of the adapter `model` (in the registry: `nlg`).

    Args:
        model: the adapter's name.
        data_collector: the event log; None means the one that the settings name.
        config: settings file; None means the built-in defaults.
        registry: None means the installation's.
        runner: where programs run; None means as processes of this machine.
        clock: None means the machine's.
    """
    path = Path(config) if config is not None else None
    settings = Settings.load(path)
    if registry is None:
        from cluster.registry.mlflow_registry import open_registry  # noqa: PLC0415 - two seconds

        registry = open_registry(settings)
    return LoraTrainer(
        model=model,
        events=data_collector or EventStore.of(settings),
        settings=settings,
        config=path,
        registry=registry,
        runner=runner or LocalRunner(),
        clock=clock or SystemClock(),
    )


def create_scheduler(config: Path | str | None) -> BatchTrainingScheduler:
    """Return a scheduler over the settings' queue."""
    from cluster.jobs.sql_store import SqlStore  # noqa: PLC0415 - a database only where jobs are queued

    settings = Settings.load(Path(config) if config is not None else None)
    return BatchTrainingScheduler(
        commands=JobCommands(settings=settings, store=SqlStore.of(settings), clock=SystemClock())
    )


def _option(name: str, value: object) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    values = value if isinstance(value, list | tuple) else [value]
    return [flag, *(str(each) for each in values)]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
