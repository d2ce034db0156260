"""Where a catalogue comes from: public lists, a workbook, the generated sample; and the centres found beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from naviyam.errors import InputError
from naviyam.settings import Settings

if TYPE_CHECKING:
    from naviyam.catalog.report import ImportReport

_CENTRES = "legal_dong_centers.csv.gz"
_WORKBOOK = ".xlsx"


def centres_beside(path: Path) -> Path | None:
    """Return the public list of dong centres where it lies beside `path`: it resolves more place names."""
    found = path.parent / _CENTRES
    return found if found.is_file() else None


def import_files(paths: Sequence[Path], settings: Settings) -> Path:
    """Import one workbook, or public lists joined into one; publish a version and return its folder.

    Raises:
        InputError: a file is of neither kind, or both kinds are mixed.
    """
    from naviyam.clock import SystemClock
    from naviyam.simulation.build import from_public_lists, from_workbook

    now = SystemClock().now()
    centres = centres_beside(paths[0])
    if _is_workbook(paths):
        return from_workbook(paths[0], settings, now, centres=centres)
    return from_public_lists(paths, settings, now, centres)


def read_files(paths: Sequence[Path]) -> "ImportReport":
    """Read without publishing; return what would be taken and what not."""
    from naviyam.catalog.public_lists import import_list
    from naviyam.catalog.report import merged_reports
    from naviyam.catalog.workbook import import_workbook

    if _is_workbook(paths):
        return import_workbook(paths[0]).report
    return merged_reports([import_list(path).report for path in paths])


def write_sample(settings: Settings, out: Path) -> dict[str, int]:
    """Write the sample workbook; return the rows of each sheet."""
    from naviyam.catalog.sheets import write_sheets
    from naviyam.clock import SystemClock
    from naviyam.simulation.workbook import sample_sheets

    sheets = sample_sheets(seed=settings.seed, now=SystemClock().now())
    write_sheets(out, sheets)
    return {name: len(sheet.rows) for name, sheet in sheets.items()}


def _is_workbook(paths: Sequence[Path]) -> bool:
    kinds = {path.suffix.lower() == _WORKBOOK for path in paths}
    if len(kinds) > 1 or (True in kinds and len(paths) > 1):
        raise InputError(
            f"{[p.name for p in paths]}: import one workbook, or one or more lists, not both",
            field="paths",
        )
    return True in kinds
