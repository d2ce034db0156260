"""JSONL segments: naming, adopting, parsing. Owns the file format, refuses nothing but other formats.

A segment is `<name>.open.jsonl` while its writer holds an flock on it and `<name>.jsonl` once closed. One
line is one record. A crash can tear the last line; a reader leaves torn lines out and counts them.
"""

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naviyam.errors import InputError
from naviyam.feedback.schema import SCHEMA_VERSION

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


def parse_segment(data: bytes) -> Segment:
    """Read what a segment holds so far."""
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


def list_stems(folder: Path) -> list[str]:
    """Return the names of a folder's open and closed segments without their suffix, oldest first.

    Open ones are looked for first: one that is closed while the folder is listed is found under its closed name.
    """
    stems = {p.name.removesuffix(OPEN_SUFFIX) for p in folder.glob(f"*{OPEN_SUFFIX}")}
    stems |= {
        closed_name(p).name.removesuffix(CLOSED_SUFFIX) for p in folder.glob(f"*{CLOSED_SUFFIX}")
    }
    return sorted(stems)


def closed_name(path: Path) -> Path:
    """Return the name of a segment once closed."""
    name = path.name
    if name.endswith(OPEN_SUFFIX):
        name = name.removesuffix(OPEN_SUFFIX) + CLOSED_SUFFIX
    return path.with_name(name)


def adopt_abandoned(folder: Path, learn: Callable[[Path], None]) -> None:
    """Close open segments whose writer is gone (nobody holds their lock), each after `learn` has read it."""
    for path in sorted(folder.glob(f"*{OPEN_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # another process adopted it first
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            learn(path)
            path.rename(closed_name(path))
        except (BlockingIOError, FileNotFoundError):
            continue
        finally:
            os.close(descriptor)
