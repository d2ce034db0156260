"""Sealed folders: derived models that are made once, shared by processes, and remade when damaged.

Owns the lock, the temporary folder and the seal (a hash of every file). Knows nothing of what is inside.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

SEAL = "complete.json"

_log = logging.getLogger(__name__)


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Record every file's hash, so that `is_sealed` can tell a whole folder from a damaged one."""
    hashes = {p.name: file_sha256(p) for p in sorted(folder.iterdir()) if p.is_file()}
    (folder / SEAL).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def sealed_hashes(folder: Path) -> dict[str, str] | None:
    """Return the recorded hash of each file, None where the folder was never sealed."""
    try:
        hashes = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return hashes if isinstance(hashes, dict) and hashes else None


def is_sealed(folder: Path) -> bool:
    """Return whether the folder holds exactly what was sealed: nothing missing, cut or altered."""
    hashes = sealed_hashes(folder)
    try:
        return hashes is not None and all(file_sha256(folder / n) == h for n, h in hashes.items())
    except OSError:
        return False


@contextlib.contextmanager
def building(target: Path) -> Iterator[Path | None]:
    """Give a temporary folder to fill, or None where a whole `target` exists already.

    One process builds at a time, the others wait. A damaged target is replaced; a failed build leaves
    nothing behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".lock-{target.name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_sealed(target):
            yield None
            return
        for stale in target.parent.glob(f".tmp-{target.name}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary = target.parent / f".tmp-{target.name}-{os.getpid()}"
        temporary.mkdir()
        try:
            yield temporary
            seal(temporary)
            if target.exists():
                _log.warning("%s is damaged; it is made again", target)
                shutil.rmtree(target)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
