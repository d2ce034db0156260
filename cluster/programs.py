"""Programs of the workloads, run with this interpreter: `python -m training.<what> ...`. Knows them by name only."""

import contextlib
import ctypes
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from naviyam.durable import replace_file
from naviyam.errors import NaviyamError

SAID_WHY = 1
"""Exit code of a program that said why it cannot; running it again on the same data would not help."""

LOST = 75
"""Exit code of one that something else ended (EX_TEMPFAIL): a signal, a machine without memory."""

_LAST_WORDS_S = 5.0
"""How long a program's output is read after its end, where something that it began still holds it."""

_PR_SET_PDEATHSIG = 1
"""Of <linux/prctl.h>."""


class ProgramError(NaviyamError, RuntimeError):
    """A program ended with an error; the message holds what it said last."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code
        self.final = code == SAID_WHY
        """Whether it said why it cannot; else it may be run again."""


class StepLostError(NaviyamError, RuntimeError):
    """Something else ended a program, as often as it was begun; it may be run again later."""

    final = False


def run_module(
    module: str,
    arguments: Sequence[str],
    *,
    say: Callable[[str], None],
    environ: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run `python -m module`, pass its progress to `say`, and return its last line of JSON, or `{"output": last line}`.

    Args:
        module: the program.
        arguments: its command line.
        say: takes every line that is not JSON.
        environ: of its process; None is this one's.

    Raises:
        ProgramError: it ended with another code than 0.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=environ,
        preexec_fn=_end_with_parent,
    )
    lines: list[str] = []
    # In a thread of its own: what a killed program leaves behind may hold its output open for ever.
    reading = threading.Thread(target=_read, args=(process.stdout, lines, say), daemon=True)
    reading.start()
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    reading.join(timeout=_LAST_WORDS_S)
    if code != 0:
        last = "\n".join(lines[-8:])
        raise ProgramError(f"{module} ended with {code}:\n{last}", code=code)
    return _result(lines)


def _read(output: IO[str] | None, lines: list[str], say: Callable[[str], None]) -> None:
    assert output is not None
    for line in output:
        if line.strip():
            lines.append(line.rstrip())
            if not line.startswith("{"):
                say(line.rstrip())


def _end_with_parent() -> None:
    """Let the kernel end this process when its parent dies: a step that is begun anew must not meet its own ghost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _result(lines: Sequence[str]) -> dict[str, Any]:
    """Return the last object in JSON: a library may print its last words after it."""
    for line in reversed(lines):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                found: dict[str, Any] = json.loads(line)
                return found
    return {"output": lines[-1] if lines else ""}


def main() -> int:
    """`python -m cluster.programs RESULT MODULE ARGUMENT...`: run a program and leave its result in a file, whole or not at all."""
    path, module, *arguments = sys.argv[1:]
    try:
        result = run_module(module, arguments, say=lambda line: print(line, flush=True))  # noqa: T201
    except ProgramError as e:
        sys.stderr.write(f"error: {e}\n")
        return SAID_WHY if e.final else LOST
    write_result(Path(path), result)
    return 0


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result, whole or not at all."""
    replace_file(path, json.dumps(result, ensure_ascii=False).encode())


if __name__ == "__main__":
    sys.exit(main())
