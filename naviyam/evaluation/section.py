"""What one part of the evaluation found: figures for programs, tables and plots for people. No measuring, no files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns; None is a dash."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One picture: every series has a value per `x`. Titles and labels are English (no Korean font is promised)."""

    title: str
    kind: Literal["line", "bar"]
    x_label: str
    y_label: str
    x: tuple[float | str, ...]
    series: Mapping[str, tuple[float, ...]]
    log_x: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the evaluation. `sets` names every labelled set with its version, so that a figure can be repeated."""

    figures: Mapping[str, Any]
    sets: Mapping[str, str]
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know beside the figures: what is simulated, what was not measured and why."""

    def to_dict(self) -> dict[str, Any]:
        """Return what `naviyam evaluate --json` prints of it."""
        return {
            "figures": dict(self.figures),
            "sets": dict(self.sets),
            "notes": list(self.notes),
            "tables": [
                {"title": t.title, "columns": list(t.columns), "rows": [list(r) for r in t.rows]}
                for t in self.tables
            ],
        }
