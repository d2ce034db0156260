"""Which answers were used in which role, so that none is used twice. Folders and small files; decides nothing.

A published set is the truth: its own ids are in it. A list beside the sets (`used/<role>/<version>.txt`) only keeps what a
removed set had used; it is written after the set, and `settle` writes what a killed run left out.
"""

from pathlib import Path

import pyarrow.parquet as pq

from naviyam import versions
from naviyam.feedback.storage import Storage

_PARTS = ("train.parquet", "test.parquet")


class UsedLedger:
    """The ledger of one installation; `root` is the folder of the data sets."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def before(self, role: str, version: str) -> frozenset[str]:
        """Return the ids that versions older than `version` used in `role`; a set's own never count against it."""
        self.settle(role)
        found: set[str] = set()
        for path in sorted((self._root / "used" / role).glob("*.txt")):
            if path.stem < version:
                found.update(path.read_text(encoding="utf-8").split("\n"))
        return frozenset(found - {""})

    def settle(self, role: str) -> None:
        """Write the list of every published set that has none. Idempotent."""
        storage = Storage.open(self._root / "used" / role)
        have = {s.name for s in storage.list("")}
        for version in versions.list_versions(self._root / role):
            folder, name = self._root / role / version, f"{version}.txt"
            parts = [folder / part for part in _PARTS if (folder / part).is_file()]
            if parts and name not in have:
                storage.write(name, "\n".join(_ids(parts)).encode())


def _ids(parts: list[Path]) -> list[str]:
    columns = (pq.read_table(p, columns=["interaction_id"], partitioning=None) for p in parts)
    return sorted({i for table in columns for i in table["interaction_id"].to_pylist()})
