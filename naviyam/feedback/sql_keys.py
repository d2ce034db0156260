"""Which idempotency keys were written, for processes of several machines: a table in PostgreSQL in place of `keys.db`.

As there the segments are the truth. A batch holds a lock of its kind from the first look to the commit, which ends with the
connection of a process that was killed.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from naviyam.errors import OverloadedError
from naviyam.feedback.keys import segment_keys

_TABLES = (
    "CREATE TABLE IF NOT EXISTS event_keys (kind TEXT, key TEXT, PRIMARY KEY (kind, key))",
    "CREATE TABLE IF NOT EXISTS event_key_kinds (kind TEXT PRIMARY KEY)",
)
_CREATED = 7_391_202
"""Of the lock under which processes that start together make the tables one after the other."""


class SqlKeys:
    """The keys of one kind of record (`Keys`). Used by one thread at a time.

    Args:
        engine: of PostgreSQL; several tables may share one.
        folder: where the segments lie; its name is the kind.
        everything: returns the keys of all that was ever written, for a table that is new.
    """

    def __init__(
        self, engine: Engine, folder: Path, everything: Callable[[], Iterable[str]]
    ) -> None:
        self._engine = engine
        self._kind = folder.name
        self._held: Connection | None = None
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CREATED})
            for statement in _TABLES:
                connection.execute(text(statement))
        self.begin()
        asked = {"kind": self._kind}
        known = "SELECT 1 FROM event_key_kinds WHERE kind = :kind"
        if self._connection.execute(text(known), asked).fetchone() is None:
            self.add(everything())
            self._connection.execute(text("INSERT INTO event_key_kinds VALUES (:kind)"), asked)
        self.commit()

    @property
    def _connection(self) -> Connection:
        assert self._held is not None, "begin() comes first"
        return self._held

    def begin(self) -> None:
        """Take the write lock of all processes of this kind.

        Raises:
            OverloadedError: the database does not answer.
        """
        with _answering():
            self._held = self._engine.connect()
            self._held.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:kind, 0))"),
                {"kind": f"event_keys/{self._kind}"},
            )

    def holds(self, key: str) -> bool:
        """Return whether a key was written.

        Raises:
            OverloadedError: the database does not answer; `add` and `commit` likewise.
        """
        with _answering():
            found = self._connection.execute(
                text("SELECT 1 FROM event_keys WHERE kind = :kind AND key = :key"),
                {"kind": self._kind, "key": key},
            ).fetchone()
        return found is not None

    def add(self, keys: Iterable[str]) -> None:
        """Put keys in; those that are there stay."""
        rows = [{"kind": self._kind, "key": key} for key in keys]
        if not rows:
            return
        with _answering():
            self._connection.execute(
                text("INSERT INTO event_keys VALUES (:kind, :key) ON CONFLICT DO NOTHING"), rows
            )

    def commit(self) -> None:
        """Give the lock back and keep what was added."""
        with _answering():
            self._connection.commit()
        self._give_back()

    def rollback(self) -> None:
        """Give the lock back and forget what was added, as far as the database answers."""
        with contextlib.suppress(SQLAlchemyError):  # the caller has the error that led here
            self._give_back()

    def sync(self) -> None:
        """Nothing to do: a commit is on the server's disk."""

    def learn(self, path: Path) -> None:
        """Put the keys of a segment in."""
        if keys := segment_keys(path):
            self.begin()
            self.add(keys)
            self.commit()

    def close(self) -> None:
        """Give back what is held; the engine is its owner's."""
        self.rollback()

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()  # rolls back what was not committed


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as e:
        raise OverloadedError(
            f"the table of keys does not answer ({type(e).__name__}); is the database of jobs.database up?",
            retry_after_s=2.0,
        ) from e
