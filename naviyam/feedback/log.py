"""The durable append log: acknowledged means on disk, nothing counted twice. Owns writing; reading is `reader`.

Many callers share one fsync (group commit): a writer thread takes all that waits, writes, syncs and answers. It
waits for company only where company is to be expected: for as many as the last batch brought and left waiting, and never
longer than a window. A lone caller never waits.
Every process writes segments of its own, so processes never interleave lines. A segment closes after
`max_records` records or `max_age_s` seconds.

Idempotency holds across processes by a table of keys. One batch is: take the table's write lock, look the keys up,
append and sync the lines of the new ones, insert their keys, commit. A crash between the sync and the commit leaves a
line without a key that was never acknowledged; the retry may write it again under the same key, and readers count
one key once.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naviyam.clock import Clock
from naviyam.durable import fsync_folder
from naviyam.errors import ConflictError
from naviyam.feedback.keys import KeyTable, OpenKeys
from naviyam.feedback.schema import KEY_FIELD
from naviyam.feedback.segments import OPEN_SUFFIX, adopt_abandoned, closed_name, encode
from naviyam.feedback.store import EventStore

_IDLE_S = 5.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What became of one batch. `records` leaves out what was there already.

    `waited_s` from its first record's coming to its being on disk, `wrote_s` the writing alone.
    """

    kind: str
    records: int
    waited_s: float
    wrote_s: float
    failed: bool = False


def _untold(commit: Commit) -> None:
    return


@dataclass(frozen=True, slots=True)
class _Waiting:
    line: bytes
    key: str | None
    came_s: float
    answer: "Future[bool]" = field(default_factory=Future)


class AppendLog:
    """One kind of record in one folder. `append` may be called from any thread.

    Args:
        folder: where the segments lie; made if missing.
        clock: times the age of a segment and names it.
        keys: returns the keys of all that was ever written, for a lost table of keys; by default those in `folder`'s
            segments and Parquet.
        open_keys: opens the table of keys; the default serves the processes of one machine.
        window_s: how long the writer waits for company before it syncs.
        max_records: records after which a segment closes.
        max_age_s: seconds after which a segment closes.
        told: is told of every batch, in the writer's thread; must not raise.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        keys: Callable[[], Iterable[str]] | None = None,
        open_keys: OpenKeys = KeyTable,
        window_s: float = 0.002,
        max_records: int = 1_000,
        max_age_s: float = 900.0,
        told: Callable[[Commit], None] = _untold,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._window_s = window_s
        self._max_records = max_records
        self._max_age_s = max_age_s
        self._told = told
        self._wake = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._closing = False
        self._expected = 1
        folder.mkdir(parents=True, exist_ok=True)
        self._keys = open_keys(
            folder, keys or (lambda: EventStore(folder.parent).keys(folder.name))
        )
        adopt_abandoned(folder, self._keys.learn)
        self._segment: _OpenSegment | None = None
        self._thread = threading.Thread(target=self._run, name=f"log-{folder.name}", daemon=True)
        self._thread.start()

    def append(self, record: Mapping[str, Any]) -> "Future[bool]":
        """Queue a record; the future is done when it is on disk: True if its key was there already.

        Raises:
            InputError: the record is not JSON.
            ConflictError: the log is closed.
        """
        key = record.get(KEY_FIELD)
        waiting = _Waiting(
            encode(record), None if key is None else str(key), self._clock.monotonic_s()
        )
        waiting.answer.set_running_or_notify_cancel()  # who leaves meanwhile must not undo the write
        with self._wake:
            if self._closing:
                raise ConflictError(f"the log in {self._folder} is closed; open a new one")
            self._waiting.append(waiting)
            if len(self._waiting) == 1 or self._is_full():  # else the writer would wake for nothing
                self._wake.notify()
        return waiting.answer

    def close(self) -> None:
        """Write what waits, close the segment and stop. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._waiting and not self._closing:
                    self._wake.wait(timeout=_IDLE_S)
                if self._waiting:
                    self._wake.wait_for(self._is_full, timeout=self._window_s)
                batch, self._waiting = self._waiting, []
                closing = self._closing
            if batch:
                self._commit(batch)
            self._rotate(force=closing)
            if closing and not batch:
                self._keys.close()
                return

    def _is_full(self) -> bool:
        return self._closing or len(self._waiting) >= self._expected

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        began_s = self._clock.monotonic_s()
        try:
            answers = self._write(batch)
        except Exception as e:  # the callers learn of it, and the log goes on with a fresh segment
            _logger.warning("%d records not written in %s: %s", len(batch), self._folder, e)
            self._rollback()
            self._tell(batch, began_s, records=len(batch), failed=True)
            for waiting in batch:
                waiting.answer.set_exception(e)
            return
        self._tell(batch, began_s, records=answers.count(False))
        # Counted before anyone is answered: who is answered and comes again at once is no further company.
        self._expected = len(batch) + len(self._waiting)
        for waiting, duplicate in zip(batch, answers, strict=True):
            waiting.answer.set_result(duplicate)

    def _tell(
        self, batch: Sequence[_Waiting], began_s: float, *, records: int, failed: bool = False
    ) -> None:
        now_s = self._clock.monotonic_s()
        self._told(
            Commit(
                kind=self._folder.name,
                records=records,
                waited_s=now_s - min(w.came_s for w in batch),
                wrote_s=now_s - began_s,
                failed=failed,
            )
        )

    def _write(self, batch: Sequence[_Waiting]) -> list[bool]:
        if all(w.key is None for w in batch):
            self._current().append([w.line for w in batch])
            return [False] * len(batch)
        self._keys.begin()
        fresh: dict[str, None] = {}
        answers = []
        for waiting in batch:
            key = waiting.key
            known = key is not None and (key in fresh or self._keys.holds(key))
            answers.append(known)
            if key is not None and not known:
                fresh[key] = None
        lines = [w.line for w, known in zip(batch, answers, strict=True) if not known]
        if lines:
            self._current().append(lines)
        self._keys.add(fresh)
        self._keys.commit()
        return answers

    def _rollback(self) -> None:
        self._keys.rollback()
        segment, self._segment = self._segment, None
        if segment is not None:
            with contextlib.suppress(OSError):
                self._keys.sync()
                segment.abandon()

    def _current(self) -> "_OpenSegment":
        if self._segment is None:
            self._segment = _OpenSegment.create(self._folder, self._clock)
        return self._segment

    def _rotate(self, *, force: bool) -> None:
        segment = self._segment
        if segment is None:
            return
        age_s = self._clock.monotonic_s() - segment.opened_s
        if force or segment.records >= self._max_records or age_s >= self._max_age_s:
            self._segment = None
            try:
                self._keys.sync()
                segment.close()
            except OSError as e:  # its records are on disk; the next start adopts it
                _logger.warning("segment %s was left open: %s", segment.path.name, e)


@dataclass(slots=True, kw_only=True)
class _OpenSegment:
    path: Path
    descriptor: int
    opened_s: float
    records: int = 0
    size: int = 0

    @classmethod
    def create(cls, folder: Path, clock: Clock) -> "_OpenSegment":
        stamp = int(clock.now().timestamp() * 1000)
        path = folder / f"{stamp:013d}-{os.getpid()}-{secrets.token_hex(4)}{OPEN_SUFFIX}"
        # Locked under a name that no adopter looks for, then renamed: never open and unlocked.
        hidden = path.with_name(f".{path.name}.new")
        descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o640)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        fsync_folder(folder)
        return cls(path=path, descriptor=descriptor, opened_s=clock.monotonic_s())

    def append(self, lines: Sequence[bytes]) -> None:
        data = memoryview(b"".join(lines))
        total = len(data)
        while data:
            data = data[os.write(self.descriptor, data) :]
        os.fdatasync(self.descriptor)
        self.size += total
        self.records += len(lines)

    def abandon(self) -> None:
        """Cut off what was written but not acknowledged, then close."""
        os.ftruncate(self.descriptor, self.size)
        self.close()

    def close(self) -> None:
        try:
            self.path.rename(closed_name(self.path))
            fsync_folder(self.path.parent)
        finally:
            os.close(self.descriptor)
