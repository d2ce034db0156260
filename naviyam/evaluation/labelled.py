"""Labelled sets written by hand, one JSON value a line; the first line says what the set is and how it was judged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from naviyam.errors import ArtifactError

FOLDER = Path(__file__).parent / "sets"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """`version` is the header's number and a digest of the file: figures of two versions are not compared."""

    name: str
    version: str
    header: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]


def load_set(name: str, folder: Path = FOLDER) -> LabelledSet:
    """Read `<name>.jsonl`.

    Raises:
        ArtifactError: it is not there, not JSON, or its header names another set.
    """
    path = folder / f"{name}.jsonl"
    try:
        data = path.read_bytes()
        header, *records = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
    except (OSError, ValueError) as e:
        raise ArtifactError(f"{path} holds no labelled set ({e})") from e
    if header.get("set") != name:
        raise ArtifactError(f"{path} says it is the set {header.get('set')!r}")
    digest = blake2b(data, digest_size=6).hexdigest()
    return LabelledSet(
        name=name,
        version=f"{header['version']}-{digest}",
        header=header,
        records=tuple(records),
    )
