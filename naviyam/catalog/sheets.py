"""Excel files as plain tables: sheets with a header line. No meaning here; that is `workbook`."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from naviyam.errors import InputError

MOST_BYTES = 1024 * 1024 * 1024
MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A header and its rows, as Excel holds them (text, numbers, dates, None). Row i stands in line i + 2."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


Sheets = Mapping[str, Sheet]


def read_sheets(path: Path) -> dict[str, Sheet]:
    """Read all sheets of an .xlsx file; formulas give their stored values.

    Raises:
        InputError: there is no such file, it is no workbook, or it unpacks to too much.
    """
    try:
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > MOST_BYTES:
            raise InputError(
                f"{path.name} unpacks to {unpacked} bytes; the limit is {MOST_BYTES}, split it",
                field="path",
            )
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return {sheet.title.strip(): _sheet(sheet) for sheet in book.worksheets}
        finally:
            book.close()
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror or e}", field="path") from e
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        KeyError,
        ValueError,
        ParseError,
        EOFError,
        TypeError,
    ) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(
            f"{path.name} is not an Excel workbook (.xlsx): {e}; export it again from Excel",
            field="path",
        ) from e


def _sheet(sheet: Any) -> Sheet:
    lines = sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1)
    header = next(lines, ())
    columns = tuple(str(c).strip() if c is not None else "" for c in header)
    while columns and not columns[-1]:
        columns = columns[:-1]
    width = len(columns)
    rows = [tuple(line[:width]) + (None,) * (width - len(line)) for line in lines]
    while rows and not any(v is not None for v in rows[-1]):
        rows.pop()
    return Sheet(columns=columns, rows=tuple(rows))


def write_sheets(path: Path, sheets: Sheets) -> None:
    """Write an .xlsx file, the header first in each sheet."""
    book = openpyxl.Workbook(write_only=True)
    for name, sheet in sheets.items():
        page = book.create_sheet(name)
        page.append(list(sheet.columns))
        for row in sheet.rows:
            page.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
