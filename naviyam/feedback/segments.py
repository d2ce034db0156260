"""JSONL segments on disk: naming, adopting, reading. Owns the file format, refuses nothing but other formats.

A segment is `<name>.open.jsonl` while its writer holds an flock on it and `<name>.jsonl` once closed. One
line is one record. A crash can tear the last line; a reader leaves torn lines out and counts them.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naviyam.errors import InputError

SCHEMA_VERSION = 1
OPEN_SUFFIX = ".open.jsonl"
CLOSED_SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one segment holds; `torn` counts lines that are no whole record (not acknowledged ones)."""

    records: tuple[dict[str, Any], ...]
    torn: int


def encode(record: Mapping[str, Any]) -> bytes:
    """Return the record as one line.

    Raises:
        InputError: the record holds a value that JSON does not know (NaN, an array, a set).
    """
    try:
        text = json.dumps(
            {"schema_version": SCHEMA_VERSION, **record}, ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as e:
        raise InputError(f"this record cannot be written as JSON: {e}", field="record") from e
    return text.encode() + b"\n"


def read_segment(path: Path) -> Segment:
    """Read one segment; one that was closed meanwhile is found under its closed name."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = closed_name(path).read_bytes()
    records: list[dict[str, Any]] = []
    torn = 0
    *lines, tail = data.split(b"\n")
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            torn += 1
            continue
        if isinstance(value, dict):
            records.append(value)
        else:
            torn += 1
    return Segment(records=tuple(records), torn=torn + bool(tail))


def list_segments(folder: Path) -> list[Path]:
    """Return open and closed segments of a folder, oldest first."""
    return sorted(folder.glob(f"*{CLOSED_SUFFIX}")) if folder.is_dir() else []


def iterate(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every whole record of a folder's segments once per segment line, oldest segment first."""
    seen: set[Path] = set()
    for path in list_segments(folder):
        if (final := closed_name(path)) not in seen:
            seen.add(final)
            yield from read_segment(path).records


def closed_name(path: Path) -> Path:
    """Return the name of a segment once closed."""
    name = path.name
    if name.endswith(OPEN_SUFFIX):
        name = name.removesuffix(OPEN_SUFFIX) + CLOSED_SUFFIX
    return path.with_name(name)


def adopt_abandoned(folder: Path) -> list[Path]:
    """Close open segments whose writer is gone (nobody holds their lock); return their new paths."""
    adopted = []
    for path in sorted(folder.glob(f"*{OPEN_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # another process adopted it first
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.rename(closed_name(path))
            adopted.append(closed_name(path))
        except (BlockingIOError, FileNotFoundError):
            continue
        finally:
            os.close(descriptor)
    return adopted


def fsync_folder(folder: Path) -> None:
    """Make creations and renames in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
