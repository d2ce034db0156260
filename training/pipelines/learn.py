"""`naviyam learn`: new feedback -> data sets -> train -> evaluate -> decide -> register -> promote (spec 3). No Ray here.

Every step is a program of its own and is written into the run's journal when it has ended; a run that was killed
anywhere goes on there and comes to the same registered versions. A step that has nothing to do says why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.programs import ProgramError
from cluster.registry.models import ModelRegistry
from naviyam.clock import Clock
from naviyam.errors import InputError
from naviyam.feedback.query import query
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings
from training.datasets.read import read_card
from training.pipelines.journal import Journal, alone
from training.pipelines.offer import KINDS, Judged, Trained, champion_of, described, release
from training.pipelines.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a caller may choose."""

    only: tuple[str, ...] = ()
    """Names of `KINDS`; none means all."""

    promote: bool = True
    """False leaves an accepted version as challenger."""

    data: Mapping[str, Path] = field(default_factory=dict)
    """Data sets to train on in place of what the log gives, by name: to plant a good or a bad one."""

    workers: int = 0
    """Of Ray Train; 0 trains in the step's own process."""

    who: str = "learn"
    batch_scale: float = 1.0
    """Below 1 the trainers hold less at once; no other run."""

    def asked(self) -> dict[str, Any]:
        """Return what decides the steps of a run, for its journal."""
        planted = {name: str(folder) for name, folder in sorted(self.data.items())}
        chosen = {"only": sorted(self.only), "plant": planted}
        return {name: value for name, value in chosen.items() if value}


def learn(
    settings: Settings,
    config: Path | None,
    *,
    runner: Runner,
    registry: ModelRegistry,
    clock: Clock,
    options: Options,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Go on with the run that was broken off, or begin one; return its name and its outcome by kind of model.

    Raises:
        ConflictError: another process learns from the same state, or the run that was broken off was asked for
            something else.
        InputError: there is no such kind of model.
        NaviyamError: a step failed; the next call goes on with it.
    """
    if unknown := {*options.only, *options.data} - {k.name for k in KINDS}:
        raise InputError(
            f"{sorted(unknown)} do not learn from use; what does: {[k.name for k in KINDS]}",
            field="only",
        )
    root = settings.paths.state / "learn"
    with alone(root):
        journal = Journal.begin(root, clock.now(), options.asked())
        learning = Learning(
            settings,
            config,
            runner=runner,
            registry=registry,
            journal=journal,
            options=options,
            say=say,
        )
        return {"run": journal.folder.name, **learning.run(_since(root, options.asked()))}


def _since(root: Path, asked: Mapping[str, Any]) -> str | None:
    """Return when a finished run last learned from the log whatever this one is to; None means never."""
    for run in Journal.runs(root):
        if run.outcome is not None and _from_log(run.asked) >= _from_log(asked):
            return run.now.isoformat()
    return None


def _from_log(asked: Mapping[str, Any]) -> set[str]:
    return {*asked.get("only", [k.name for k in KINDS])} - {*asked.get("plant", ())}


class Learning:
    """One run over its parts. `config` is handed to the programs; None means the built-in defaults."""

    def __init__(
        self,
        settings: Settings,
        config: Path | None,
        *,
        runner: Runner,
        registry: ModelRegistry,
        journal: Journal,
        options: Options,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._config = ["--config", str(config)] if config else []
        self._runner = runner
        self._registry = registry
        self._journal = journal
        self._options = options
        self._say = say

    def run(self, since: str | None) -> dict[str, Any]:
        """Do what is left of the run; return its outcome by kind.

        Args:
            since: ISO time up to which feedback was learned from before; None means never.
        """
        new = self._step("feedback", lambda: self._feedback(since))
        if not new["feedback"] and not self._options.data:
            return self._finish({"skipped": f"no new feedback since {since or 'the beginning'}"})
        sets = self._step("datasets", self._datasets)
        outcome = {}
        for kind in self._chosen():
            try:
                outcome[kind.name] = self._learn(kind, sets.get(kind.name, {}))
            except ProgramError as e:
                if not e.final:
                    raise
                outcome[kind.name] = {"failed": str(e)}
            self._say(f"{kind.name}: {_line(outcome[kind.name])}")
        return self._finish(outcome)

    def _smaller(self) -> list[str]:
        scale = self._options.batch_scale
        return [] if scale == 1.0 else ["--batch-scale", str(scale)]

    def _chosen(self) -> list[Trained]:
        return [k for k in KINDS if not self._options.only or k.name in self._options.only]

    def _learn(self, kind: Trained, data: Mapping[str, Any]) -> dict[str, Any]:
        if why := _too_little(data, self._settings.learning.min_samples):
            return {"skipped": why}
        champion = self._step(
            f"{kind.name}-champion", lambda: champion_of(self._registry, kind.name)
        )
        folder = self._journal.folder / "candidates" / kind.name
        common = ["--data", str(data["folder"])]
        self._program(
            f"{kind.name}-train",
            kind.program,
            [*common, "--parent", champion["folder"], "--out", str(folder),
             "--workers", str(self._options.workers), *self._smaller()],
        )  # fmt: skip
        evaluated = self._program(
            f"{kind.name}-evaluate",
            "training.evaluation",
            [*common, "--candidate", str(folder), "--champion", champion["folder"]],
            first=[kind.kind],
        )
        judged = Judged(folder=folder, champion=champion["version"], data=data, evaluated=evaluated)
        return self._step(
            f"{kind.name}-release",
            lambda: release(
                self._registry,
                kind.name,
                judged,
                limits=self._settings.release,
                promote_as=self._options.who if self._options.promote else None,
            ),
        )

    def _feedback(self, since: str | None) -> dict[str, Any]:
        until = self._journal.now.isoformat()
        after = f"AND recorded_at > TIMESTAMPTZ '{since}'" if since else ""
        sql = f"SELECT count(*) FROM feedback WHERE recorded_at <= TIMESTAMPTZ '{until}' {after}"
        answer = query(EventStore.of(self._settings), sql, limit=1)
        return {"feedback": int(answer.rows[0][0]), "since": since, "until": until}

    def _datasets(self) -> dict[str, Any]:
        """Make the sets of what is to learn, and no others: a conversation is used once."""
        given = {
            name: {"folder": str(folder), **described(read_card(folder))}
            for name, folder in self._options.data.items()
        }
        wanted = [k.name for k in self._chosen() if k.name not in given]
        if not wanted:
            return given
        made = self._runner.run(
            "datasets",
            self._journal.folder,
            "training.datasets",
            [*self._config, "--now", self._journal.now.isoformat(), "--only", ",".join(wanted)],
        )
        return {**made, **given}

    def _program(
        self, step: str, module: str, arguments: Sequence[str], *, first: Sequence[str] = ()
    ) -> dict[str, Any]:
        return self._step(
            step,
            lambda: self._runner.run(
                step, self._journal.folder, module, [*first, *self._config, *arguments]
            ),
        )

    def _step(self, name: str, do: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        if name in self._journal.steps:
            self._say(f"{name}: done before")
            return self._journal.steps[name]
        self._say(f"{name}: ...")
        return self._journal.keep(name, do())

    def _finish(self, outcome: dict[str, Any]) -> dict[str, Any]:
        self._journal.finish(outcome)
        return outcome


def _too_little(data: Mapping[str, Any], least: int) -> str:
    if "skipped" in data:
        return str(data["skipped"])
    if not data:
        return "no data set was made"
    rows = data.get("rows")
    if rows is not None and rows < least:
        return f"{rows} samples, at least {least} are needed (learning.min_samples)"
    return ""


def _line(outcome: Mapping[str, Any]) -> str:
    for ended in ("skipped", "failed"):
        if ended in outcome:
            return f"{ended}: {outcome[ended]}"
    return f"{outcome['decision']} {outcome['version']}: {'; '.join(outcome['reasons'])}"
