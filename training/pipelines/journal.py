"""What a run of a pipeline did so far: one file, rewritten beside and renamed after every step.

A run that was killed is found again by its open journal and goes on with the first step that is not in it. One process
runs a pipeline at a time.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from cluster.programs import write_result
from naviyam.errors import ArtifactError, ConflictError
from naviyam.versions import version_name

_FILE = "journal.json"


@dataclass(slots=True, kw_only=True)
class Journal:
    """One run. `now` is its time, fixed when it began, so that a continued run does what the first one would have done."""

    folder: Path
    now: datetime
    asked: dict[str, Any] = field(default_factory=dict)
    """What the caller chose that decides the run's steps, in JSON's types; empty where all is as usual."""

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcome: dict[str, Any] | None = None

    @classmethod
    def begin(cls, root: Path, now: datetime, asked: Mapping[str, Any]) -> Self:
        """Return the run that was not finished, or a new one.

        Raises:
            ConflictError: the one that was not finished was asked for something else.
        """
        last = next(cls.runs(root), None)
        if last is not None and last.outcome is None:
            if last.asked != asked:
                raise ConflictError(
                    f"run {last.folder.name} was broken off; it was asked for {last.asked or 'the usual'}, "
                    f"this call asks for {dict(asked) or 'the usual'}; repeat that call to end it, or remove "
                    f"{last.folder} to give it up"
                )
            return last
        run = cls(folder=root / version_name(now), now=now, asked=dict(asked))
        run._write()
        return run

    @classmethod
    def runs(cls, root: Path) -> Iterator[Self]:
        """Return every run, the newest first.

        Raises:
            ArtifactError: a journal cannot be read.
        """
        for path in sorted(root.glob(f"*/{_FILE}"), reverse=True):
            yield cls._read(path)

    def keep(self, step: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write a step's result; return it."""
        self.steps[step] = dict(result)
        self._write()
        return self.steps[step]

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Write how the run ended; nothing is done in it afterwards."""
        self.outcome = dict(outcome)
        self._write()

    @classmethod
    def _read(cls, path: Path) -> Self:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                folder=path.parent,
                now=datetime.fromisoformat(held["now"]),
                asked=held.get("asked", {}),
                steps=held["steps"],
                outcome=held["outcome"],
            )
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise ArtifactError(
                f"{path} is no journal ({e!r}); remove its folder to begin anew"
            ) from e

    def _write(self) -> None:
        write_result(
            self.folder / _FILE,
            {
                "now": self.now.isoformat(),
                "asked": self.asked,
                "steps": self.steps,
                "outcome": self.outcome,
            },
        )


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the pipeline's lock; the kernel drops it with the process.

    Raises:
        ConflictError: another process runs it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise ConflictError(
                f"another process is learning in {root}; wait for it or stop it first"
            ) from e
        yield
