"""Files below one root: a local folder or any pyarrow filesystem. A file appears whole or not at all; no layout here."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.fs as pafs

from naviyam.durable import fsync_folder
from naviyam.errors import ConfigError

_OBJECT_STORES = ("s3", "gcs", "abfs")
"""Filesystems on which a file appears when its stream is closed; a rename there is a copy."""

TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file: `name` is relative to the root, with `/`."""

    name: str
    size_bytes: int


class Storage:
    """Whole files below `root`. On a local folder what `write` and `delete` did is on disk when they return."""

    def __init__(self, filesystem: pafs.FileSystem, root: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")
        self._local = isinstance(filesystem, pafs.LocalFileSystem)

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Open a folder (made if missing) or a URI such as `file:///data/events` or `s3://bucket/events`.

        Raises:
            ConfigError: pyarrow does not know the URI.
        """
        if isinstance(where, Path) or "://" not in where:
            return cls(pafs.LocalFileSystem(), str(Path(where).absolute()))
        try:
            filesystem, root = pafs.FileSystem.from_uri(where)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
            raise ConfigError(f"events.uri {where!r} names no filesystem of pyarrow: {e}") from e
        return cls(filesystem, root)

    @property
    def folder(self) -> Path | None:
        """The root as a local folder, None elsewhere."""
        return Path(self.root) if self._local else None

    def path(self, name: str) -> str:
        """Return a file's path in `filesystem`."""
        return f"{self.root}/{name}"

    def list(self, prefix: str) -> list[Stored]:
        """Return every file below `prefix`, sorted by name; none where there is no such folder."""
        selector = pafs.FileSelector(self.path(prefix), recursive=True, allow_not_found=True)
        base = self.root.strip("/") + "/"  # some filesystems begin a path with a slash, some do not
        return sorted(
            (
                Stored(name=i.path.lstrip("/").removeprefix(base), size_bytes=i.size)
                for i in self.filesystem.get_file_info(selector)
                if i.type == pafs.FileType.File
            ),
            key=lambda s: s.name,
        )

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            FileNotFoundError: there is none (any more).
        """
        with self.filesystem.open_input_file(self.path(name)) as file:
            data: bytes = file.read()
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put a whole file in place of what may be there."""
        path = self.path(name)
        folder, last = path.rsplit("/", 1)
        if self._local:
            _write_durably(Path(folder), last, data)
            return
        if self.filesystem.type_name in _OBJECT_STORES:
            beside = path
        else:
            self.filesystem.create_dir(folder, recursive=True)
            beside = f"{folder}/.{last}{TEMPORARY}"
        with self.filesystem.open_output_stream(beside) as file:
            file.write(data)
        if beside != path:
            self.filesystem.move(beside, path)

    def delete(self, name: str) -> None:
        """Remove a file. Idempotent."""
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path(name))
            if self._local:
                fsync_folder(Path(self.path(name)).parent)


def _write_durably(folder: Path, name: str, data: bytes) -> None:
    made = folder
    while not made.exists():
        made = made.parent
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}{TEMPORARY}"
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / name)
    while True:
        fsync_folder(folder)
        if folder == made:
            return
        folder = folder.parent
