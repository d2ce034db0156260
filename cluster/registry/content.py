"""A model folder as content: hashes of its files, one digest that names it, what its card says. Reads only."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.registry.models import Lineage
from cluster.registry.sealed import SEAL, file_sha256
from naviyam.errors import ArtifactError

CARD = "model.json"
_ABOUT = frozenset((CARD, "README.md", SEAL, "evaluation.json"))
"""Files about a model: their bytes may differ between two runs that made the same model."""


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file by its path inside the folder.

    Raises:
        ArtifactError: there is no such folder, or it holds a link.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is no folder; a model is registered as a folder")
    hashes: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise ArtifactError(f"{path} is a link; a model folder holds its own files")
        if path.is_file():
            hashes[path.relative_to(folder).as_posix()] = file_sha256(path)
    return hashes


def digest_of(hashes: Mapping[str, str]) -> str:
    """Return what names a content: equal for two folders whose files, cards aside, are equal."""
    lines = [f"{name} {value}" for name, value in sorted(hashes.items()) if name not in _ABOUT]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_whole(folder: Path, files: Mapping[str, str]) -> None:
    """Check that a folder holds exactly the files that were registered.

    Raises:
        ArtifactError: a file is missing, new or changed.
    """
    found = file_hashes(folder)
    missing, new = sorted(files.keys() - found.keys()), sorted(found.keys() - files.keys())
    changed = sorted(n for n in files.keys() & found.keys() if files[n] != found[n])
    for what, names in (("missing", missing), ("not registered", new), ("changed", changed)):
        if names:
            raise ArtifactError(
                f"{folder} is not what was registered: {', '.join(names)} {what};"
                " restore it or register the model again"
            )


def card_of(folder: Path) -> Mapping[str, Any]:
    """Return a model's card, empty where there is none.

    Raises:
        ArtifactError: it is not a JSON object.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise ArtifactError(f"{folder / CARD} cannot be read as JSON: {e}") from e
    if not isinstance(card, dict):
        raise ArtifactError(f"{folder / CARD} must hold an object, not {type(card).__name__}")
    return card


def lineage_of(card: Mapping[str, Any]) -> Lineage:
    """Return what a card says of a model's origin, in either of the layouts that the trainers write."""
    data = card.get("dataset") or card.get("data") or {}
    data = data if isinstance(data, dict) else {"hash": data}
    parent, training = card.get("parent"), card.get("training")
    if isinstance(parent, dict):
        parent = parent.get("version")
    seed = card.get("seed", training.get("seed") if isinstance(training, dict) else None)
    simulated = card.get("simulated", data.get("simulated"))
    return Lineage(
        parent=_text(parent) or None,
        base=_text(card.get("base")) or None,
        dataset_hash=_text(card.get("dataset_hash") or data.get("hash") or data.get("sha256")),
        dataset_folder=_text(data.get("folder")),
        code=_text(card.get("code_version") or card.get("code")),
        seed=seed if isinstance(seed, int) else None,
        simulated=simulated if isinstance(simulated, bool) else None,
    )


def metrics_of(card: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a card's `metrics`, nested names joined by dots."""
    found: dict[str, float] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else str(name), inner)
        elif isinstance(value, int | float) and math.isfinite(value):
            found[prefix] = float(value)

    walk("", card.get("metrics") or {})
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
