"""Publishing a set: two Parquet files and a card in a versioned folder, whole or not at all.

The version is named after `now`, so a run that was killed and is started again with the same `now` finds what it had
published and says the same of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam import versions
from naviyam.errors import ArtifactError
from training.datasets.read import CARD, PARTS, read_card


@dataclass(frozen=True, slots=True)
class Skipped:
    """No set was published, and why; nothing counts as used."""

    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the program's answer."""
        return {"skipped": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A set on disk."""

    folder: Path
    card: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the program's answer."""
        rows = self.card["rows"]
        return {
            "folder": str(self.folder),
            "rows": rows["train"] + rows["test"],
            **rows,
            "hash": self.card["hash"],
            "simulated": self.card["simulated"],
        }


def find(root: Path, version: str) -> Published | None:
    """Return the set that this version already is, whole; None where there is none.

    Raises:
        ArtifactError: its files are not those that its card tells of.
    """
    folder = root / version
    if not (folder / CARD).is_file():
        return None
    card = read_card(folder)
    found = _hash(folder)
    if card.get("hash") != found:
        raise ArtifactError(
            f"{folder} has hash {found}, its card says {card.get('hash')}; remove it and run again"
        )
    if versions.current_version(root) is None or versions.current(root).name < version:
        versions.set_current(root, version)
    return Published(folder=folder, card=card)


def publish(
    root: Path, version: str, parts: Mapping[str, pa.Table], card: Mapping[str, Any]
) -> Published:
    """Write a set and make it current. `parts` are `train` and `test`; hash, rows and schema are put into the card."""
    whole: dict[str, Any] = {}

    def write(folder: Path) -> None:
        for part in PARTS:
            pq.write_table(parts[part], folder / f"{part}.parquet", compression="zstd")
        whole.update(
            card,
            hash=_hash(folder),
            files={f"{p}.parquet": _digest(folder / f"{p}.parquet") for p in PARTS},
            rows={part: parts[part].num_rows for part in PARTS},
            schema_hash=schema_hash(parts["train"].schema),
        )
        text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")

    folder = versions.publish(root, version, write)
    return Published(folder=folder, card=whole)


def schema_hash(schema: pa.Schema) -> str:
    """Return the hash of column names and types."""
    text = "\n".join(f"{field.name}: {field.type}" for field in schema)
    return sha256(text.encode()).hexdigest()[:16]


def _hash(folder: Path) -> str:
    digests = "".join(_digest(folder / f"{part}.parquet") for part in PARTS)
    return sha256(digests.encode()).hexdigest()


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
