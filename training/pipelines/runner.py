"""Where a pipeline's steps run: as programs on this machine, or as Ray jobs."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cluster.programs import run_module


class Runner(Protocol):
    """Runs a program to its end; a step that ran already under the same name in the same folder is not run again."""

    def run(self, step: str, folder: Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
        """Return the program's result.

        Raises:
            NaviyamError: it failed; the message holds its last words.
        """
        ...


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRunner:
    """Programs of this machine, one after the other; the journal alone says what is done."""

    say: Callable[[str], None] = _to_stderr

    def run(self, step: str, folder: Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
        """Run it here."""
        return run_module(module, arguments, say=lambda line: self.say(f"  {step}: {line}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcessRunner:
    """Functions in place of programs, by module name; ships for tests and notebooks."""

    programs: Mapping[str, Callable[[Sequence[str]], dict[str, Any]]]

    def run(self, step: str, folder: Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
        """Call it."""
        return self.programs[module](arguments)
