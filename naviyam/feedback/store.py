"""Where events lie: segments in the spool, closed segments and Parquet in the storage. Names and reading; nothing is decided.

Below spool and storage alike: `{kind}/{stem}.open.jsonl` (being written), `{kind}/{stem}.jsonl` (closed) and
`{kind}/dt=YYYY-MM-DD/hour=HH/*.parquet` (compacted, UTC). A segment goes one way: open, closed, in the storage,
in Parquet; its `.jsonl` is removed last. Whoever reads looks in that order, and so misses nothing. It leaves out
Parquet rows whose segment it has read itself, and so counts nothing twice. A `merged-` file names in its footer the
files it stands for, which count no longer.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Self

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from naviyam.feedback.schema import KEY_FIELD, SCHEMAS, SEGMENT
from naviyam.feedback.segments import (
    CLOSED_SUFFIX,
    OPEN_SUFFIX,
    Segment,
    list_stems,
    parse_segment,
)
from naviyam.feedback.storage import Storage, Stored
from naviyam.settings import Settings

MERGED = "merged-"
_REPLACES = b"naviyam.replaces"


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """One partition, in UTC."""

    dt: str
    hour: str

    @classmethod
    def of(cls, when: datetime) -> Self:
        """Return the partition of a time."""
        when = when.astimezone(UTC)
        return cls(when.date().isoformat(), f"{when.hour:02d}")

    @property
    def start(self) -> datetime:
        """When the hour begins."""
        return datetime.fromisoformat(f"{self.dt}T{self.hour}:00:00+00:00")

    @property
    def folder(self) -> str:
        """The partition's folder below its kind."""
        return f"dt={self.dt}/hour={self.hour}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One Parquet file of one hour."""

    name: str
    hour: Hour
    size_bytes: int

    @property
    def file(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.name).name

    @property
    def stem(self) -> str:
        """The segment it was made of, if it is no merged one."""
        return self.file.removesuffix(".parquet")


class EventStore:
    """The events of one installation.

    Args:
        spool: `settings.paths.events`, a local folder: what is being written.
        storage: closed segments and Parquet; None keeps them in the spool.
    """

    def __init__(self, spool: Path, storage: Storage | None = None) -> None:
        self.spool = spool
        self.storage = Storage.open(spool) if storage is None else storage
        self.ships = self.storage.folder != spool.absolute()
        """Whether closed segments must be carried from the spool to the storage."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Open the store that the settings name.

        Raises:
            ConfigError: `events.uri` names no filesystem.
        """
        uri, spool = settings.events.uri, settings.events.spool
        return cls(
            Path(spool) if spool else settings.paths.events, Storage.open(uri) if uri else None
        )

    def stems(self, kind: str) -> list[str]:
        """Return the segments that are not in Parquet yet, oldest first, open ones with them."""
        return sorted({*list_stems(self.spool / kind), *self.closed(kind)})

    def closed(self, kind: str) -> list[str]:
        """Return the closed segments in the storage, oldest first."""
        return sorted(
            PurePosixPath(s.name).name.removesuffix(CLOSED_SUFFIX)
            for s in self.storage.list(kind)
            if s.name.endswith(CLOSED_SUFFIX) and not s.name.endswith(OPEN_SUFFIX)
        )

    def read_segment(self, kind: str, stem: str) -> Segment:
        """Return a segment wherever it has got to.

        Raises:
            FileNotFoundError: it is in Parquet by now.
        """
        for suffix in (OPEN_SUFFIX, CLOSED_SUFFIX):
            try:
                return parse_segment((self.spool / kind / f"{stem}{suffix}").read_bytes())
            except FileNotFoundError:
                continue
        return parse_segment(self.storage.read(segment_name(kind, stem)))

    def parts(self, kind: str) -> dict[Hour, list[Part]]:
        """Return the Parquet files by hour, those that count no longer with them."""
        found: dict[Hour, list[Part]] = {}
        for stored in self.storage.list(kind):
            if (part := _part(stored)) is not None:
                found.setdefault(part.hour, []).append(part)
        return dict(sorted(found.items()))

    def living(self, parts: Sequence[Part]) -> list[Part]:
        """Return the files of one hour that count: those that no other stands for.

        Raises:
            FileNotFoundError: one was replaced meanwhile; list again.
        """
        merged = [p for p in parts if p.file.startswith(MERGED)]
        if not merged or len(parts) == 1:
            return list(parts)
        replaced = {name for part in merged for name in self._replaces(part)}
        return [p for p in parts if p.file not in replaced]

    def dataset(self, kind: str, parts: Iterable[Part]) -> pads.Dataset:
        """Return Parquet files as one dataset; columns that older files lack are null."""
        return pads.dataset(
            [self.storage.path(p.name) for p in parts],
            schema=SCHEMAS[kind],
            format="parquet",
            filesystem=self.storage.filesystem,
        )

    def read_hour(
        self, kind: str, hour: Hour, *, without: Iterable[str] = (), columns: Any = None
    ) -> pa.Table:
        """Return the rows of one hour except those of the segments `without`, as they were at one moment."""
        for _ in range(20):
            try:
                parts = self.living(self.list_hour(kind, hour))
                if not parts:
                    return SCHEMAS[kind].empty_table().select(columns or SCHEMAS[kind].names)
                return self.dataset(kind, parts).to_table(
                    filter=~pads.field(SEGMENT).isin(pa.array(list(without), pa.string())),
                    columns=columns,
                )
            except FileNotFoundError:
                continue  # compaction replaced a file under our hands
        raise TimeoutError(f"{kind} {hour.folder} changes faster than it can be read; try again")

    def list_hour(self, kind: str, hour: Hour) -> list[Part]:
        """Return the Parquet files of one hour."""
        found = map(_part, self.storage.list(f"{kind}/{hour.folder}"))
        return [part for part in found if part is not None]

    def write_part(
        self, kind: str, hour: Hour, stem: str, table: pa.Table, *, replaces: Sequence[str] = ()
    ) -> None:
        """Write one Parquet file; it counts from then on, what it replaces does not."""
        name = f"{kind}/{hour.folder}/{stem}.parquet"
        metadata: Mapping[bytes, bytes] = {_REPLACES: json.dumps(list(replaces)).encode()}
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
        self.storage.write(name, sink.getvalue().to_pybytes())

    def keys(self, kind: str) -> set[str]:
        """Return every idempotency key of a kind, in segments and Parquet."""
        found: set[str] = set()
        for stem in self.stems(kind):
            try:
                records = self.read_segment(kind, stem).records
            except FileNotFoundError:
                continue
            found.update(str(r[KEY_FIELD]) for r in records if r.get(KEY_FIELD) is not None)
        if kind in SCHEMAS and KEY_FIELD in SCHEMAS[kind].names:
            for hour in self.parts(kind):
                table = self.read_hour(kind, hour, columns=[KEY_FIELD])
                found.update(k for k in table[KEY_FIELD].to_pylist() if k is not None)
        return found

    def _replaces(self, part: Part) -> list[str]:
        with self.storage.filesystem.open_input_file(self.storage.path(part.name)) as file:
            metadata = pq.ParquetFile(file).schema_arrow.metadata or {}
        names: list[str] = json.loads(metadata.get(_REPLACES, b"[]"))
        return names


def segment_name(kind: str, stem: str) -> str:
    """Return a closed segment's name in the storage."""
    return f"{kind}/{stem}{CLOSED_SUFFIX}"


def _part(stored: Stored) -> Part | None:
    path = PurePosixPath(stored.name)
    folders = path.parts
    if path.suffix != ".parquet" or len(folders) != 4 or path.name.startswith("."):
        return None
    dt, hour = folders[1].removeprefix("dt="), folders[2].removeprefix("hour=")
    return Part(name=stored.name, hour=Hour(dt, hour), size_bytes=stored.size_bytes)
