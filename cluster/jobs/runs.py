"""Port to the cluster that runs attempts, and one in memory that ships for tests and dry runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from cluster.jobs.types import Run, RunState
from naviyam.errors import NaviyamError


class ClusterError(NaviyamError, ConnectionError):
    """The cluster does not answer, or refused; the next tick asks again."""


class Runs(Protocol):
    """Submissions by their fixed names."""

    def look(self) -> Mapping[str, Run]:
        """Return every submission that the cluster knows, other people's too, by id.

        Raises:
            ClusterError: it does not answer.
        """
        ...

    def submit(
        self,
        submission: str,
        command: tuple[str, ...],
        *,
        root: Path,
        metadata: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        """Begin a process in the folder `root` under this id; a known id is left alone. Idempotent.

        Raises:
            ClusterError: it does not answer, or refused.
        """
        ...

    def stop(self, submission: str) -> None:
        """Ask a submission to end; returns before it has. Idempotent.

        Raises:
            ClusterError: it does not answer.
        """
        ...

    def log(self, submission: str) -> str:
        """Return what a submission wrote, "" where the cluster does not know it any more.

        Raises:
            ClusterError: it does not answer.
        """
        ...


@dataclass(slots=True, kw_only=True)
class MemoryRuns:
    """A cluster that only notes; the test says what became of a submission."""

    runs: dict[str, Run] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    answers: bool = True

    def look(self) -> Mapping[str, Run]:
        self._ask()
        return dict(self.runs)

    def submit(
        self,
        submission: str,
        command: tuple[str, ...],
        *,
        root: Path,
        metadata: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._ask()
        if submission not in self.runs:
            self.commands[submission] = command
            self.runs[submission] = Run(
                submission=submission, state=RunState.RUNNING, metadata=metadata
            )

    def stop(self, submission: str) -> None:
        self._ask()
        self.stopped.append(submission)
        if submission in self.runs:
            self.end(submission, RunState.STOPPED)

    def log(self, submission: str) -> str:
        self._ask()
        return f"log of {submission}" if submission in self.runs else ""

    def end(self, submission: str, state: RunState, message: str = "") -> None:
        """Let a submission end."""
        self.runs[submission] = replace(self.runs[submission], state=state, message=message)

    def _ask(self) -> None:
        if not self.answers:
            raise ClusterError("the cluster in memory was told not to answer")
