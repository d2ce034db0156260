"""A workload's program on behalf of a command: its settings handed on, its progress shown."""

from collections.abc import Sequence
from typing import Any

from cluster.cli.session import Session
from cluster.programs import ProgramError, run_module

__all__ = ["ProgramError", "run_program"]


def run_program(session: Session, module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run `python -m module` and return its last line of output: JSON, or `{"output": text}`.

    Raises:
        ProgramError: it ended with another code than 0.
    """
    config = ["--config", str(session.config_path)] if session.config_path else []
    return run_module(module, [*config, *arguments], say=lambda line: session.say(f"  {line}"))
