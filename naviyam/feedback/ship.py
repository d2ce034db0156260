"""Carrying closed segments from the spool to the storage. Safe to repeat and to kill at any point.

A segment is first whole in the storage, then gone from the spool. One carrier per spool at a time: a second one that
was late could bring back a segment that is in Parquet already.
"""

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from naviyam.durable import fsync_folder
from naviyam.feedback.schema import KINDS
from naviyam.feedback.segments import CLOSED_SUFFIX, OPEN_SUFFIX
from naviyam.feedback.store import EventStore, segment_name

_logger = logging.getLogger(__name__)


def ship_closed(store: EventStore) -> int:
    """Carry every closed segment of the spool to the storage; return how many.

    Raises:
        OSError: the storage cannot be written; what was not carried stays in the spool.
    """
    carried = 0
    with held(store.spool / "ship.lock"):
        for kind in KINDS:
            for path in sorted((store.spool / kind).glob(f"*{CLOSED_SUFFIX}")):
                if path.name.endswith(OPEN_SUFFIX):
                    continue
                store.storage.write(
                    segment_name(kind, path.name.removesuffix(CLOSED_SUFFIX)), path.read_bytes()
                )
                path.unlink()
                fsync_folder(path.parent)
                carried += 1
    return carried


@contextlib.contextmanager
def held(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock that all processes of this machine see and that a killed process gives back.

    Raises:
        BlockingIOError: another holds it and `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


class Shipper:
    """A thread that ships every `every_s` seconds and once more when it is closed. A failure is tried again."""

    def __init__(self, store: EventStore, *, every_s: float) -> None:
        self._store = store
        self._every_s = every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ship-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ship what is closed by now and stop. Idempotent."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            closing = self._closing.wait(self._every_s)
            try:
                ship_closed(self._store)
            except OSError as e:
                _logger.warning("closed segments stay in %s for now: %s", self._store.spool, e)
            if closing:
                return
