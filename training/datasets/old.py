"""Sets that are older than a child's words may be kept: sets of texts go, sets of features lose their texts.

Their used answers are in the ledger, so that nothing is used again.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from naviyam import versions
from naviyam.errors import ArtifactError
from naviyam.settings import Settings
from training.datasets.publish import without_texts
from training.datasets.read import CARD, PARTS, find_set

_RAW = ("nlg", "nlu")


def forget_old_sets(settings: Settings, now: datetime) -> tuple[Path, ...]:
    """Remove sets older than `safety.raw_text_days`, save the latest and the one that the champion names; return them.

    A ranker's set stays whole but for the queries: what is learned again of it is learned as if nothing had been said.
    Idempotent.
    """
    limit = versions.version_name(now - timedelta(days=settings.safety.raw_text_days))
    removed = []
    for name in _RAW:
        root = settings.paths.state / "datasets" / name
        needed = {versions.current_version(root), _champions(settings.paths.models / name, root)}
        for version in versions.list_versions(root):
            if version < limit and version not in needed and versions.remove(root, version):
                removed.append(root / version)
    root = settings.paths.state / "datasets" / "ranker"
    for version in versions.list_versions(root):
        if version < limit and _is_logged(root / version):
            without_texts(root / version, ("query",), now)
    return tuple(removed)


def _is_logged(folder: Path) -> bool:
    """Return whether it is a set of the event log; the initial one has nobody's words."""
    return all((folder / name).is_file() for name in (CARD, *(f"{part}.parquet" for part in PARTS)))


def _champions(models: Path, sets: Path) -> str | None:
    """Return the set that the promoted adapter learned from, None where there is none.

    Raises:
        ArtifactError: the adapter's card cannot be read, so that nobody knows which set it needs.
    """
    if versions.current_version(models) is None:
        return None
    path = versions.current(models) / "model.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = find_set(sets, str(card["data"]["sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ArtifactError(f"{path} names no data set ({e!r}); old sets are left alone") from e
    return None if found is None else found.name
