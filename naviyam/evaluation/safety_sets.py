"""The hand-written safety sets beside this module: one JSON object a line, with a split each.

`<name>_dev.jsonl`, `<name>_test.jsonl` or `<name>.jsonl` whose lines name their split; lines without a text are headers.
The development split was looked at while the rules were written, the test split was not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from naviyam.errors import ArtifactError

FOLDER = Path(__file__).parent / "sets"
SPLITS = ("dev", "test")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetySet:
    """The rows of every split that is there; `version` is a digest of the files."""

    name: str
    splits: Mapping[str, tuple[Row, ...]]
    version: str


def load_safety_set(name: str, folder: Path = FOLDER) -> SafetySet:
    """Read a set.

    Raises:
        ArtifactError: no file of it is there, or a line is not JSON.
    """
    named = {f"{name}_{split}.jsonl": split for split in SPLITS} | {f"{name}.jsonl": ""}
    files = [folder / file for file in named if (folder / file).is_file()]
    if not files:
        raise ArtifactError(f"no file of the set {name!r} in {folder}")
    found: dict[str, dict[str, Row]] = {}
    digest = blake2b(digest_size=6)
    for path in files:
        raw = path.read_bytes()
        digest.update(raw)
        for line in raw.decode("utf-8").splitlines():
            row = _parsed(line, path)
            if "text" in row or "turns" in row:
                split = str(row.get("split") or named[path.name] or SPLITS[0])
                key = json.dumps([row.get("turns"), row.get("text")], ensure_ascii=False)
                found.setdefault(split, {})[key] = row
    splits = {s: tuple(rows.values()) for s, rows in sorted(found.items())}
    return SafetySet(name=name, splits=splits, version=digest.hexdigest())


def _parsed(line: str, path: Path) -> dict[str, Any]:
    if not line.strip():
        return {}
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError as e:
        raise ArtifactError(f"{path} holds a line that is not JSON ({e})") from e
    return row
