"""Where the idempotency keys of events lie: in PostgreSQL where `jobs.database` is, else in files beside the segments."""

import contextlib
from collections.abc import Iterator
from functools import partial

from cluster.database import open_engine
from cluster.placement import is_sqlite
from naviyam.feedback.keys import KeyTable, OpenKeys
from naviyam.feedback.sql_keys import SqlKeys
from naviyam.settings import Settings


@contextlib.contextmanager
def key_tables(settings: Settings) -> Iterator[OpenKeys]:
    """Yield how the tables of keys are opened, the same for every process that writes or adopts segments."""
    if is_sqlite(settings):
        yield KeyTable
        return
    engine = open_engine(settings)
    try:
        yield partial(SqlKeys, engine)
    finally:
        engine.dispose()
