"""The parts that need torch run as programs of their own: who only looks a folder up pays neither time nor memory."""

import subprocess
import sys

from naviyam.errors import ArtifactError


def run(module: str, *arguments: object) -> None:
    """Run `python -m module arguments...` and wait for it.

    Raises:
        ArtifactError: it failed; the message ends with the last line that it wrote.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ArtifactError(f"{module} failed: {lines[-1]}")
