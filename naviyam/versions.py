"""Versioned folders: written beside, renamed into place, one `CURRENT` pointer swapped atomically.

A reader sees a whole version or none; a crash leaves at most a `.tmp-*` folder that the next publish removes.
"""

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from naviyam.durable import fsync_folder, replace_file
from naviyam.errors import ConflictError, NotFoundError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_POINTER = "CURRENT"


def version_name(now: datetime) -> str:
    """Return a version name that sorts by time, such as `20261121T030000.123456Z`."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def publish(root: Path, version: str, write: Callable[[Path], None]) -> Path:
    """Write a new version with `write(folder)` and make it current.

    Raises:
        ConflictError: the version exists already.
    """
    target = add(root, version, write)
    set_current(root, version)
    return target


def add(root: Path, version: str, write: Callable[[Path], None]) -> Path:
    """Write a new version with `write(folder)` beside the others; the current one stays.

    Raises:
        ConflictError: the version exists already.
    """
    _check(version)
    target = root / version
    if target.exists():
        raise ConflictError(f"version {version} exists in {root}; publish under a new name")
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f".tmp-{version}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        write(temporary)
        for path in temporary.rglob("*"):
            if path.is_file():
                _fsync(path)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(root)
    return target


def remove(root: Path, version: str) -> bool:
    """Remove a version; a reader sees it whole or not at all. Return whether it was there.

    Raises:
        ConflictError: it is the current one.
    """
    _check(version)
    if version == current_version(root):
        raise ConflictError(f"{version} is current in {root}; make another one current first")
    for stale in root.glob(".trash-*"):
        shutil.rmtree(stale, ignore_errors=True)
    if not (root / version).is_dir():
        return False
    trash = root / f".trash-{version}"
    (root / version).rename(trash)
    fsync_folder(root)
    shutil.rmtree(trash, ignore_errors=True)
    return True


def set_current(root: Path, version: str) -> None:
    """Point `CURRENT` at an existing version; readers switch at once."""
    _check(version)
    if not (root / version).is_dir():
        raise NotFoundError(f"no version {version} in {root}; there are: {list_versions(root)}")
    replace_file(root / _POINTER, version.encode())


def current_version(root: Path) -> str | None:
    """Return the name of the current version, None where nothing was published."""
    try:
        return (root / _POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def current(root: Path) -> Path:
    """Return the current version's folder.

    Raises:
        NotFoundError: nothing was published here yet.
    """
    version = current_version(root)
    if version is None:
        raise NotFoundError(f"nothing is published in {root}; run `naviyam bootstrap` first")
    _check(version)
    return root / version


def list_versions(root: Path) -> list[str]:
    """Return the published versions, oldest first."""
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _check(version: str) -> None:
    if not _NAME.fullmatch(version):
        raise NotFoundError(f"{version!r} is not a version name")


def _fsync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
