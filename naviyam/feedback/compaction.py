"""Compaction: closed segments to Parquet by day and hour; deletions and the end of raw texts carried out. Plans and acts.

Every step may be killed and repeated. A segment's rows are written to `{stem}.parquet` in each of its hours before its
`.jsonl` is removed, and do not count until then. An hour is rewritten into a `merged-` file that counts instead of what
it names from the moment it appears; what it names is removed afterwards. What was carried out is noted last. One compaction
at a time holds the lock in the spool; where several machines share a storage, one of them compacts.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from naviyam.clock import Clock
from naviyam.errors import ConflictError
from naviyam.feedback.keys import KeyTable, OpenKeys
from naviyam.feedback.reader import is_forgotten, read_tombstones
from naviyam.feedback.schema import (
    KINDS,
    SEGMENT,
    TABLES,
    recorded_at,
    slices,
    to_records,
    to_table,
    without_text,
)
from naviyam.feedback.segments import adopt_abandoned, list_stems
from naviyam.feedback.ship import held, ship_closed
from naviyam.feedback.storage import TEMPORARY
from naviyam.feedback.store import MERGED, EventStore, Hour, Part, segment_name

_GRACE = timedelta(hours=1)
"""How long after its end an hour is given for late segments before its files are joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What one compaction did."""

    shipped: int = 0
    segments: int = 0
    records: int = 0
    """Rows written from segments."""

    torn_lines: int = 0
    """Lines that are no whole record: a killed writer's last, never acknowledged."""

    forgotten_records: int = 0
    texts_dropped: int = 0
    """Rows of Parquet that lost their raw text; what lost it on the way from a segment is not counted."""

    hours_rewritten: int = 0

    def __add__(self, other: Self) -> Self:
        mine, theirs = asdict(self), asdict(other)
        return replace(self, **{k: v + theirs[k] for k, v in mine.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _CarriedOut:
    """What was carried out on every Parquet file of a kind: deletions, and the hour up to which texts are gone."""

    forgotten: Mapping[str, str] = field(default_factory=dict)
    text_until: str = ""


def compact(
    store: EventStore,
    clock: Clock,
    *,
    raw_text_days: int,
    merge_up_to_bytes: float,
    open_keys: OpenKeys = KeyTable,
) -> Compacted:
    """Compact everything that is closed. Idempotent; safe beside writers and readers.

    Args:
        store: the events.
        clock: says how old a text is and which hours are over.
        raw_text_days: days after which the words of a record go and its features stay.
        merge_up_to_bytes: size up to which the files of an hour are joined.
        open_keys: opens the tables of keys that the writers use.

    Raises:
        ConflictError: another compaction runs on this spool.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(store.spool / "compaction.lock", wait=False))
        except BlockingIOError:
            raise ConflictError(
                f"another compaction of {store.spool} is running; wait for it"
            ) from None
        for kind in KINDS:
            _adopt(store, kind, open_keys)
        done = Compacted(shipped=ship_closed(store) if store.ships else 0)
        forgotten = read_tombstones(store)
        for kind in TABLES:
            work = _Work(
                store=store,
                kind=kind,
                now=clock.now().astimezone(UTC),
                forgotten=forgotten,
                text_until=Hour.of(clock.now() - timedelta(days=raw_text_days)),
                merge_up_to_bytes=merge_up_to_bytes,
            )
            done += work.run()
    return done


def _adopt(store: EventStore, kind: str, open_keys: OpenKeys) -> None:
    folder = store.spool / kind
    if list_stems(folder):
        keys = open_keys(folder, partial(store.keys, kind))
        try:
            adopt_abandoned(folder, keys.learn)
        finally:
            keys.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One kind's compaction."""

    store: EventStore
    kind: str
    now: datetime
    forgotten: Mapping[str, datetime]
    text_until: Hour
    merge_up_to_bytes: float

    def run(self) -> Compacted:
        self._remove_leftovers()
        done = Compacted()
        for stem in self.store.closed(self.kind):
            done += self._convert(stem)
        carried = self._read_carried_out()
        for hour, parts in self.store.parts(self.kind).items():
            done += self._tend(hour, parts, carried)
        self._note_carried_out()
        return done

    def _convert(self, stem: str) -> Compacted:
        """Bring one closed segment to Parquet.

        What a killed conversion left is written over. It may also have left rows of a user who was forgotten since, in an
        hour that has no other rows: that forgetting is not noted yet, so `_tend` removes them.
        """
        segment = self.store.read_segment(self.kind, stem)
        kept = [r for r in segment.records if not is_forgotten(r, self.forgotten)]
        by_hour: dict[Hour, list[dict[str, Any]]] = {}
        for record in kept:
            by_hour.setdefault(_hour_of(record, stem), []).append(record)
        for hour, records in sorted(by_hour.items()):
            if hour <= self.text_until:
                records = [without_text(self.kind, r) for r in records]
            table = to_table(self.kind, records, [stem] * len(records))
            self.store.write_part(self.kind, hour, stem, table)
        self.store.storage.delete(segment_name(self.kind, stem))
        return Compacted(
            segments=1,
            records=len(kept),
            torn_lines=segment.torn,
            forgotten_records=len(segment.records) - len(kept),
        )

    def _tend(self, hour: Hour, parts: Sequence[Part], carried: _CarriedOut) -> Compacted:
        """Rewrite one hour where deletions, old texts or many small files ask for it."""
        living = self.store.living(parts)
        for part in parts:
            if part not in living:
                self.store.storage.delete(part.name)
        newly = {
            user: when
            for user, when in self.forgotten.items()
            if carried.forgotten.get(user) != when.isoformat()
        }
        aged = carried.text_until < _name(hour) <= _name(self.text_until)
        over = hour.start + timedelta(hours=1) + _GRACE <= self.now
        done = Compacted()
        for group in self._groups(living):
            hurt = aged or (newly and self._names_any(group, newly))
            if hurt or (over and len(group) > 1):
                done += self._rewrite(hour, group, newly if hurt else {}, drop_text=aged)
        return done

    def _groups(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """Yield the files in groups that are joined, each up to the size that a file may have."""
        group: list[Part] = []
        size = 0
        for part in parts:
            if group and size + part.size_bytes > self.merge_up_to_bytes:
                yield group
                group, size = [], 0
            group.append(part)
            size += part.size_bytes
        if group:
            yield group

    def _names_any(self, group: Sequence[Part], users: Mapping[str, datetime]) -> bool:
        dataset = self.store.dataset(self.kind, group)
        rows = dataset.count_rows(filter=pc.field("user_id").isin(list(users)))
        return bool(rows)

    def _rewrite(
        self, hour: Hour, group: Sequence[Part], users: Mapping[str, datetime], *, drop_text: bool
    ) -> Compacted:
        table = self.store.dataset(self.kind, group).to_table()
        before = table.num_rows
        if users or drop_text:
            table = self._purged(table, users, drop_text=drop_text)
        if table.num_rows:
            stem = f"{MERGED}{int(self.now.timestamp() * 1000):013d}-{secrets.token_hex(4)}"
            table = table.sort_by("recorded_at")
            self.store.write_part(
                self.kind, hour, stem, table, replaces=[part.file for part in group]
            )
        for part in group:
            self.store.storage.delete(part.name)
        return Compacted(
            hours_rewritten=1,
            forgotten_records=before - table.num_rows,
            texts_dropped=table.num_rows if drop_text else 0,
        )

    def _purged(
        self, table: pa.Table, users: Mapping[str, datetime], *, drop_text: bool
    ) -> pa.Table:
        pieces = [table.slice(0, 0)]
        for piece in slices(table):
            rows = zip(to_records(self.kind, piece), piece[SEGMENT].to_pylist(), strict=True)
            kept = [(record, stem) for record, stem in rows if not is_forgotten(record, users)]
            records = [without_text(self.kind, r) if drop_text else r for r, _ in kept]
            pieces.append(to_table(self.kind, records, [stem for _, stem in kept]))
        return pa.concat_tables(pieces)

    def _remove_leftovers(self) -> None:
        for stored in self.store.storage.list(self.kind):
            if stored.name.endswith(f".parquet{TEMPORARY}"):
                self.store.storage.delete(stored.name)

    @property
    def _note(self) -> str:
        return f"{self.kind}/_carried_out.json"

    def _read_carried_out(self) -> _CarriedOut:
        try:
            return _CarriedOut(**json.loads(self.store.storage.read(self._note)))
        except FileNotFoundError:
            return _CarriedOut()

    def _note_carried_out(self) -> None:
        note = _CarriedOut(
            forgotten={user: when.isoformat() for user, when in sorted(self.forgotten.items())},
            text_until=_name(self.text_until),
        )
        self.store.storage.write(self._note, json.dumps(asdict(note)).encode())


def _name(hour: Hour) -> str:
    return f"{hour.dt}T{hour.hour}"


def _hour_of(record: Mapping[str, Any], stem: str) -> Hour:
    """Return the partition of a record; one without a time goes to the hour in which its segment was made."""
    when = recorded_at(record)
    if when is None:
        stamp_ms = stem.split("-")[0]
        when = datetime.fromtimestamp(int(stamp_ms) / 1000 if stamp_ms.isdigit() else 0, UTC)
    return Hour.of(when)
