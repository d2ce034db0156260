"""Programs of the workloads, run with this interpreter: `python -m training.<what> ...`. Knows them by name only."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from naviyam.errors import NaviyamError

KILLED = 3
"""Exit code of `python -m cluster.programs` where a signal ended the program; 1 where it failed by itself."""


_PR_SET_PDEATHSIG = 1
"""Of <linux/prctl.h>."""


class ProgramError(NaviyamError, RuntimeError):
    """A program ended with an error; the message holds what it said last."""


class ProgramKilledError(ProgramError):
    """A program was ended by a signal: it said nothing against being run again."""


def run_module(
    module: str, arguments: Sequence[str], *, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run `python -m module`, pass its progress to `say`, and return its last line: JSON, or `{"output": text}`.

    Raises:
        ProgramError: it ended with another code than 0.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        preexec_fn=_end_with_parent,
    )
    lines: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip():
                lines.append(line.rstrip())
                if not line.startswith("{"):
                    say(line.rstrip())
    finally:
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.terminate()
        code = process.wait()
    if code != 0:
        last = "\n".join(lines[-8:])
        kind = ProgramError if code > 0 else ProgramKilledError
        raise kind(f"{module} ended with {code}:\n{last}")
    try:
        result: dict[str, Any] = json.loads(lines[-1])
    except (ValueError, IndexError):
        return {"output": lines[-1] if lines else ""}
    return result


def _end_with_parent() -> None:
    """Let the kernel end this process when its parent dies: a step that is begun anew must not meet its own ghost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """`python -m cluster.programs RESULT MODULE ARGUMENT...`: run a program and leave its result in a file, whole or not at all."""
    path, module, *arguments = sys.argv[1:]
    try:
        result = run_module(module, arguments, say=lambda line: print(line, flush=True))  # noqa: T201
    except ProgramError as e:
        sys.stderr.write(f"error: {e}\n")
        return KILLED if isinstance(e, ProgramKilledError) else 1
    write_result(Path(path), result)
    return 0


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result durably, beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
