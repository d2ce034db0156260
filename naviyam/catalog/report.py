"""What an import did: rows read, kept and set aside with their reasons. Nothing is dropped silently."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from naviyam.catalog.events import Events
from naviyam.catalog.types import Menu, Shop
from naviyam.request import UserProfile

EXAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """One row that was not taken: which table (sheet or file), its row number there (header = 1), and why."""

    table: str
    row: int
    reason: str
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"table": self.table, "row": self.row, "reason": self.reason, "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """`read[t] == kept[t] + set aside in t` for every table t. Unused is known and not read; unknown is neither."""

    read: Mapping[str, int]
    kept: Mapping[str, int]
    set_aside: tuple[SetAside, ...] = ()
    unused_tables: tuple[str, ...] = ()
    unknown_tables: tuple[str, ...] = ()
    unused_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def reasons(self) -> dict[str, dict[str, int]]:
        """Return how many rows of each table were set aside for each reason, most first."""
        counts: dict[str, Counter[str]] = {}
        for item in self.set_aside:
            counts.setdefault(item.table, Counter())[item.reason] += 1
        return {table: dict(c.most_common()) for table, c in counts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON with counts and some examples."""
        return {
            "read": dict(self.read),
            "kept": dict(self.kept),
            "set_aside": self.reasons(),
            "examples": [item.to_dict() for item in self.set_aside[:EXAMPLES]],
            "unused_tables": list(self.unused_tables),
            "unknown_tables": list(self.unknown_tables),
            "unused_columns": {k: list(v) for k, v in self.unused_columns.items()},
            "unknown_columns": {k: list(v) for k, v in self.unknown_columns.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an importer gives: shops, menus, and behaviour where the source has some (user ids still plain)."""

    shops: tuple[Shop, ...]
    menus: tuple[Menu, ...]
    report: ImportReport
    users: tuple[UserProfile, ...] = ()
    events: Events | None = None


def merged_reports(reports: list[ImportReport]) -> ImportReport:
    """Return one report over several; tables of the same name add up."""
    read: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for report in reports:
        read.update(report.read)
        kept.update(report.kept)
    return ImportReport(
        read=dict(read),
        kept=dict(kept),
        set_aside=tuple(i for r in reports for i in r.set_aside),
        unused_tables=tuple(t for r in reports for t in r.unused_tables),
        unknown_tables=tuple(t for r in reports for t in r.unknown_tables),
        unused_columns={k: v for r in reports for k, v in r.unused_columns.items()},
        unknown_columns={k: v for r in reports for k, v in r.unknown_columns.items()},
    )
