"""Programs of the workloads, run with this interpreter: `python -m training.<what> --config ...`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from cluster.cli.session import Session
from naviyam.errors import NaviyamError


class ProgramError(NaviyamError, RuntimeError):
    """A program ended with an error; the message holds what it said last."""


def run_program(session: Session, module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run `python -m module`, its progress shown, and return its last line of output: JSON, or `{"output": text}`.

    Raises:
        ProgramError: it ended with another code than 0.
    """
    config = ["--config", str(session.config_path)] if session.config_path else []
    command = [sys.executable, "-m", module, *config, *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    lines: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip():
                lines.append(line.rstrip())
                if not line.startswith("{"):
                    session.say(f"  {line.rstrip()}")
    finally:
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.terminate()
        code = process.wait()
    if code != 0:
        last = "\n".join(lines[-8:])
        raise ProgramError(f"{module} ended with {code}:\n{last}")
    try:
        result: dict[str, Any] = json.loads(lines[-1])
    except (ValueError, IndexError):
        return {"output": lines[-1] if lines else ""}
    return result
