"""Publishing a set: two Parquet files and a card in a versioned folder, whole or not at all.

The version is named after `now`, so a run that was killed and is started again with the same `now` finds what it had
published and says the same of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam import versions
from naviyam.durable import replace_file
from naviyam.errors import ArtifactError
from training.datasets.read import CARD, PARTS, read_card

WITHOUT_TEXTS: Final = "without_texts"
"""In the card of a set whose texts are gone: since when, and the hash of what is left. `hash` stays the set's identity."""


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
    if card.get(WITHOUT_TEXTS, {}).get("hash", card.get("hash")) != found:
        raise ArtifactError(
            f"{folder} has hash {found}, its card says {card.get('hash')}; remove it and run again"
        )
    if versions.current_version(root) is None or versions.current(root).name < version:
        versions.set_current(root, version)
    return Published(folder=folder, card=card)


def without_texts(folder: Path, columns: Sequence[str], now: datetime) -> bool:
    """Empty the columns that hold a child's words in a published set; its name, hash and features stay. Idempotent.

    The card is written last, so that a run that was killed is done again; return whether there was anything to do.
    """
    card = read_card(folder)
    if WITHOUT_TEXTS in card:
        return False
    for part in PARTS:
        path = folder / f"{part}.parquet"
        table = pq.read_table(path, partitioning=None)
        empty = pa.array([""] * table.num_rows, pa.string())
        for name in columns:
            table = table.set_column(table.column_names.index(name), name, empty)
        replace_file(path, _parquet(table))
    files = {f"{part}.parquet": _digest(folder / f"{part}.parquet") for part in PARTS}
    card |= {"files": files, WITHOUT_TEXTS: {"since": now.isoformat(), "hash": _hash(folder)}}
    replace_file(folder / CARD, _json(card))
    return True


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
        (folder / CARD).write_bytes(_json(whole))

    folder = versions.publish(root, version, write)
    return Published(folder=folder, card=whole)


def _json(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def schema_hash(schema: pa.Schema) -> str:
    """Return the hash of column names and types."""
    text = "\n".join(f"{field.name}: {field.type}" for field in schema)
    return sha256(text.encode()).hexdigest()[:16]


def _hash(folder: Path) -> str:
    digests = "".join(_digest(folder / f"{part}.parquet") for part in PARTS)
    return sha256(digests.encode()).hexdigest()


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
