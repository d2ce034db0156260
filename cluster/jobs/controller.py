"""Applies the plan: looks at store, folders and cluster, and does what `plan_tick` says, one write before each deed.

No decision is made here. Killed between any two lines, its successor sees the same facts and goes on.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cluster.jobs.commands import JOB_MARK
from cluster.jobs.folders import JobFolder, Process
from cluster.jobs.plan import Action, Move, Note, Snapshot, Stop, Submit, plan_tick
from cluster.jobs.runs import ClusterError, Runs
from cluster.jobs.states import ENDED, ON_CLUSTER, JobEvent, JobState
from cluster.jobs.store import JobStore
from cluster.jobs.types import Ended, Job, Load, Run
from naviyam.clock import Clock
from naviyam.errors import NotFoundError
from naviyam.settings import Settings

_logger = logging.getLogger(__name__)
_OPEN = frozenset(JobState) - ENDED
_GONE_S = 10.0
_NOT_BEGUN_S = 900.0
"""As long as Ray itself lets a job wait for its start."""

_ROUNDS = 4
"""Steps of one tick: chosen, submitted, seen running."""


@dataclass(slots=True, kw_only=True)
class JobController:
    """The queue's part of the controller.

    Args:
        settings: of the installation.
        store: of the jobs.
        runs: the cluster.
        load: looks at the machines.
        clock: gives the times.
        root: folder in which programs run.
        config: settings file that they are given; None means the built-in defaults.
        environ: further variables of the programs.
    """

    settings: Settings
    store: JobStore
    runs: Runs
    load: Callable[[], Load]
    clock: Clock
    root: Path
    config: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "jobs"
    last_load: Load | None = None
    trouble: str = ""
    """Why the cluster was not seen at the last tick, "" where it was."""

    _settled: bool = False
    _silent: dict[str, datetime] = field(default_factory=dict)

    @property
    def every_s(self) -> float:
        """Return its period."""
        return self.settings.jobs.tick_s

    def tick(self, now: datetime) -> None:
        """Look and act until nothing is left to do now.

        Raises:
            ClusterError: the cluster did not answer; what needs none of it was done.
        """
        self.trouble = ""
        self.last_load = self.load()
        for number in range(_ROUNDS):
            actions = plan_tick(self._look(starts=number == 0), self.clock.now())
            for action in actions:
                self._apply(action)
            if self.trouble or not any(isinstance(a, Move | Submit) for a in actions):
                break
        if self.trouble:
            raise ClusterError(self.trouble)

    def _look(self, *, starts: bool) -> Snapshot:
        jobs = self.store.jobs(states=_OPEN, limit=10_000)
        active = [job for job in jobs if job.state in ON_CLUSTER]
        runs = self._runs() if active or not self._settled else None
        folders = {job.id: JobFolder.of(self.settings, job.id) for job in jobs if job.attempt}
        ended: dict[str, Ended] = {}
        for job in active:
            if (found := folders[job.id].ended(job.attempt)) is not None:
                ended[job.submission] = found
        return Snapshot(
            jobs=jobs,
            limits=self.settings.jobs,
            needed={n: self.store.job(n).state for job in jobs for n in job.spec.after},
            runs=runs,
            done=frozenset(name for name, f in folders.items() if f.result_path.exists()),
            ended=ended,
            gone=frozenset(j.submission for j in active if self._gone(j, folders[j.id])),
            strays=frozenset(self._strays(runs)),
            load=self.last_load,
            starts=starts,
        )

    def _runs(self) -> Mapping[str, Run] | None:
        try:
            found = self.runs.look()
        except ClusterError as e:
            self.trouble = str(e)
            return None
        self._settled = True
        return found

    def _gone(self, job: Job, folder: JobFolder) -> bool:
        """Return whether the attempt has had no process for too long.

        Looked at without a word to the cluster: one that ended a moment ago is given the time to be reported.
        """
        process = folder.process(job.attempt)
        if process is Process.ALIVE or job.state is JobState.STARTING:
            self._silent.pop(job.submission, None)
            return False
        since = self._silent.setdefault(job.submission, self.clock.now())
        limit_s = _GONE_S if process is Process.GONE else _NOT_BEGUN_S
        return self.clock.now() - since >= timedelta(seconds=limit_s)

    def _strays(self, runs: Mapping[str, Run] | None) -> list[str]:
        """Return submissions of ours that run and should not."""
        found = []
        for run in (runs or {}).values():
            if run.state.over or JOB_MARK not in run.metadata:
                continue
            try:
                job = self.store.job(run.metadata[JOB_MARK])
            except NotFoundError:
                continue  # another installation's
            if job.ended or job.submission != run.submission:
                found.append(run.submission)
        return found

    def _apply(self, action: Action) -> None:
        try:
            match action:
                case Move():
                    self._move(action)
                case Submit():
                    self._submit(action.job)
                case Stop():
                    self.runs.stop(action.submission)
                case Note():
                    self.store.note(action.job.id, action.waits_for)
        except ClusterError as e:
            self.trouble = str(e)

    def _move(self, action: Move) -> None:
        moved = self.store.move(
            action.job, action.event, now=self.clock.now(), changes=action.changes
        )
        if moved is None:
            _logger.info("%s was moved by somebody else", action.job.id)
        elif action.event is not JobEvent.SUBMITTED:
            _logger.info("%s %s %s", moved.id, moved.state.value, moved.reason)

    def _submit(self, job: Job) -> None:
        folder = JobFolder.of(self.settings, job.id).path
        attempt = (sys.executable, "-m", "cluster.jobs.attempt", str(folder), str(job.attempt))
        self.runs.submit(
            job.submission,
            (*attempt, job.spec.module, *job.arguments(), *self._config(job)),
            root=self.root,
            metadata={JOB_MARK: job.id, "kind": job.spec.kind, "who": job.spec.who},
            environ=self.environ,
        )

    def _config(self, job: Job) -> tuple[str, ...]:
        if self.config is None or not job.spec.configured:
            return ()
        return "--config", str(self.config.resolve())
