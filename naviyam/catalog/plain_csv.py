"""Reading public CSV files: UTF-8 with or without mark, or CP949; plain or gzip. Rows as text, nothing typed."""

import csv
import gzip
import io
import zlib
from pathlib import Path

from naviyam.errors import InputError

_LARGEST_BYTES = 512 * 1024 * 1024


def read_rows(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the columns and the rows of a CSV file; short rows are filled with "".

    Raises:
        InputError: no such file, broken gzip, neither UTF-8 nor CP949, or no header.
    """
    text = _decode(_read(path), path)
    try:
        reader = csv.reader(io.StringIO(text, newline=""))
        header = next(reader, [])
        columns = tuple(c.strip() for c in header)
        if not any(columns):
            raise InputError(f"{path.name} has no header line; it must be a CSV list", field="path")
        rows = [
            dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))
            for cells in reader
            if any(cells)
        ]
    except csv.Error as e:
        raise InputError(f"{path.name} is not a readable CSV file: {e}", field="path") from e
    return columns, rows


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if data[:2] != b"\x1f\x8b":
            return data
        with gzip.open(io.BytesIO(data)) as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as e:
        raise InputError(f"cannot read {path}: {e}", field="path") from e
    if len(data) > _LARGEST_BYTES:
        raise InputError(
            f"{path.name} unpacks to more than {_LARGEST_BYTES} bytes; split it", field="path"
        )
    return data


def _decode(data: bytes, path: Path) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(
        f"{path.name} is neither UTF-8 nor CP949; save it as UTF-8 and import it again",
        field="path",
    )
