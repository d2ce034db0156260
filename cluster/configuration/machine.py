"""What this machine is: memory, cores, GPUs, free ports, folders that can be written. The one edge of the checks; reads only."""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

_SMI = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHere:
    """A GPU of this machine."""

    name: str
    memory_gib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A snapshot. `taken_ports` are those of the settings that something listens on; `unwritable` maps folders to why."""

    memory_gib: float
    cores: int
    gpus: tuple[GpuHere, ...] = ()
    taken_ports: frozenset[int] = frozenset()
    unwritable: tuple[tuple[Path, str], ...] = ()
    missing: tuple[Path, ...] = ()
    """Folders that are only read and are not there."""


def look(*, ports: tuple[int, ...], written: tuple[Path, ...], read: tuple[Path, ...]) -> Machine:
    """Look at this machine: at these ports, at folders that will be written and at such that are only read."""
    reasons = ((folder, _why_not_writable(folder)) for folder in written)
    return Machine(
        memory_gib=psutil.virtual_memory().total / 1024**3,
        cores=len(os.sched_getaffinity(0)),
        gpus=_gpus(),
        taken_ports=frozenset(p for p in ports if p and _listens(p)),
        unwritable=tuple((folder, why) for folder, why in reasons if why),
        missing=tuple(f for f in read if not f.is_dir()),
    )


def _why_not_writable(folder: Path) -> str:
    """Return why a folder cannot be made or written, "" where it can; nothing is made."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return f"{there} is a file"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not writable for this user"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _gpus() -> tuple[GpuHere, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, *_SMI], capture_output=True, text=True, timeout=5, check=True
        )
        rows = [line.rsplit(",", 1) for line in done.stdout.splitlines() if "," in line]
        return tuple(GpuHere(name=n.strip(), memory_gib=float(m) / 1024) for n, m in rows)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
