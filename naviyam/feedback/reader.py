"""Reading the event log: each acknowledged record once, none of a user who asked to be forgotten."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from naviyam.feedback.schema import KEY_FIELD, TABLES, TOMBSTONES, recorded_at, slices, to_records
from naviyam.feedback.store import EventStore, Hour


def read_events(
    events: Path | EventStore, kind: str, *, since: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the records of `kind` (`interactions` or `feedback`), in no particular order.

    A key counts once, whichever process wrote it, and a record counts once while compaction moves it. Records of a
    forgotten user up to the time of the forgetting are left out; what the user does afterwards is theirs again.

    Args:
        events: the store, or the folder `settings.paths.events` of one that keeps everything there.
        kind: `interactions` or `feedback`.
        since: leaves out what was recorded before.
    """
    store = EventStore(events) if isinstance(events, Path) else events
    forgotten = read_tombstones(store)
    seen: set[str] = set()
    for record in _all(store, kind, since):
        key = record.get(KEY_FIELD)
        if key is not None:
            if key in seen:
                continue
            seen.add(key)
        if since is not None and ((when := recorded_at(record)) is None or when < since):
            continue
        if not is_forgotten(record, forgotten):
            yield record


def read_tombstones(events: Path | EventStore) -> dict[str, datetime]:
    """Return the latest time at which each forgotten user was forgotten."""
    store = EventStore(events) if isinstance(events, Path) else events
    latest: dict[str, datetime] = {}
    for record in read_segments(store, TOMBSTONES, set()):
        when = datetime.fromisoformat(record["recorded_at"])
        user = record["user_id"]
        latest[user] = max(when, latest.get(user, when))
    return latest


def is_forgotten(record: Mapping[str, Any], forgotten: Mapping[str, datetime]) -> bool:
    """Return whether a record was written before its user asked to be forgotten."""
    when = forgotten.get(record.get("user_id", ""))
    if when is None:
        return False
    written = recorded_at(record)
    return written is None or written <= when


def read_segments(store: EventStore, kind: str, read: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the records that are not in Parquet yet; add the segments they came from to `read`."""
    for stem in store.stems(kind):
        try:
            segment = store.read_segment(kind, stem)
        except FileNotFoundError:
            continue  # in Parquet by now, where it is read later
        read.add(stem)
        yield from segment.records


def _all(store: EventStore, kind: str, since: datetime | None) -> Iterator[dict[str, Any]]:
    read: set[str] = set()
    yield from read_segments(store, kind, read)
    if kind in TABLES:
        for hour in _hours(store.parts(kind), since):
            for piece in slices(store.read_hour(kind, hour, without=read)):
                yield from to_records(kind, piece)


def _hours(hours: Iterable[Hour], since: datetime | None) -> list[Hour]:
    first = None if since is None else Hour.of(since)
    return [hour for hour in hours if first is None or hour >= first]
