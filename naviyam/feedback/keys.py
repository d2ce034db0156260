"""Which idempotency keys were written, for all processes of one spool: a table in SQLite (`keys.db`, WAL).

The segments are the truth and the table follows them, so a commit is not synced by itself (synchronous=NORMAL): a killed
process loses nothing, and what a power failure takes comes back. A segment's keys are synced before the segment closes,
those of a segment that nobody closed are learned again when it is adopted, and a missing table is made from
everything there is. SQLite locks work on one machine's disk: ingress replicas on several machines take `sql_keys`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from naviyam.feedback.schema import KEY_FIELD
from naviyam.feedback.segments import parse_segment

_LOCK_WAIT_S = 5.0


class Keys(Protocol):
    """What a log needs of a table of keys; see `KeyTable`."""

    def begin(self) -> None: ...

    def holds(self, key: str) -> bool: ...

    def add(self, keys: Iterable[str]) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def sync(self) -> None: ...

    def learn(self, path: Path) -> None: ...

    def close(self) -> None: ...


OpenKeys = Callable[[Path, Callable[[], Iterable[str]]], Keys]
"""Opens the table of a folder, given how the keys of all that was ever written are found."""


class KeyTable:
    """The keys of one kind of record. Used by one thread at a time.

    Args:
        folder: where the segments lie.
        everything: returns the keys of all that was ever written, for a table that is missing.
    """

    def __init__(self, folder: Path, everything: Callable[[], Iterable[str]]) -> None:
        self._wal = folder / "keys.db-wal"
        self._connection = sqlite3.connect(
            folder / "keys.db", timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self.begin()
        known = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'keys'")
        if known.fetchone() is None:
            self._connection.execute("CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID")
            self.add(everything())
        self.commit()

    def begin(self) -> None:
        """Take the write lock of all processes."""
        self._connection.execute("BEGIN IMMEDIATE")

    def holds(self, key: str) -> bool:
        """Return whether a key was written."""
        found = self._connection.execute("SELECT 1 FROM keys WHERE key = ?", (key,)).fetchone()
        return found is not None

    def add(self, keys: Iterable[str]) -> None:
        """Put keys in; those that are there stay."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO keys (key) VALUES (?)", ((key,) for key in keys)
        )

    def commit(self) -> None:
        """Give the lock back and keep what was added."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Give the lock back and forget what was added, as far as the database answers."""
        with contextlib.suppress(sqlite3.Error):  # the caller has the error that led here
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def sync(self) -> None:
        """Bring every commit to disk."""
        with contextlib.suppress(FileNotFoundError):  # without a log all is in the database
            descriptor = os.open(self._wal, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def learn(self, path: Path) -> None:
        """Put the keys of a segment in and bring them to disk."""
        if keys := segment_keys(path):
            self.begin()
            self.add(keys)
            self.commit()
            self.sync()

    def close(self) -> None:
        self._connection.close()


def segment_keys(path: Path) -> list[str]:
    """Return the keys of a segment's records."""
    records = parse_segment(path.read_bytes()).records
    return [str(r[KEY_FIELD]) for r in records if r.get(KEY_FIELD) is not None]
