"""The table of keys that processes of several machines share: the log's promises hold on it as on the file."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.database import engine_of
from deployments.state import open_state
from naviyam.clock import SystemClock
from naviyam.errors import OverloadedError
from naviyam.feedback.log import AppendLog
from naviyam.feedback.segments import encode
from naviyam.feedback.sql_keys import SqlKeys
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings


@pytest.fixture
def engine(postgres):
    engine = engine_of(postgres)
    yield engine
    engine.dispose()


def log_of(folder: Path, engine: sa.Engine) -> AppendLog:
    store = EventStore(folder)
    return AppendLog(
        folder / "feedback",
        clock=SystemClock(),
        keys=partial(store.keys, "feedback"),
        open_keys=partial(SqlKeys, engine),
        window_s=0.0,
    )


def written(folder: Path) -> list[str]:
    lines = [
        line for path in folder.glob("feedback/*.jsonl") for line in path.read_text().splitlines()
    ]
    return sorted(lines)


def test_a_key_counts_once_over_two_machines(tmp_path: Path, engine: sa.Engine) -> None:
    first, second = log_of(tmp_path, engine), log_of(tmp_path, engine)
    keys = [f"k{i}" for i in range(30)]

    def send(log: AppendLog, key: str) -> bool:
        return log.append({"idempotency_key": key, "feedback_id": key}).result(timeout=20)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, [first, second] * 30, [k for k in keys for _ in range(2)]))
    first.close()
    second.close()
    assert answers.count(False) == len(keys)
    assert answers.count(True) == len(keys)
    assert len(written(tmp_path)) == len(keys)
    assert not list(tmp_path.glob("feedback/keys.db*"))


def test_a_new_table_is_made_from_everything_there_is(tmp_path: Path, engine: sa.Engine) -> None:
    log = log_of(tmp_path, engine)
    assert log.append({"idempotency_key": "a"}).result(timeout=20) is False
    log.close()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE event_keys")
        connection.exec_driver_sql("DROP TABLE event_key_kinds")
    log = log_of(tmp_path, engine)
    assert log.append({"idempotency_key": "a"}).result(timeout=20) is True
    log.close()


def test_a_lost_database_refuses_feedback_and_the_log_goes_on(
    tmp_path: Path, postgres: str, engine: sa.Engine
) -> None:
    log = log_of(tmp_path, engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event_keys RENAME TO gone")
    with pytest.raises(OverloadedError, match=r"jobs\.database"):
        log.append({"idempotency_key": "a"}).result(timeout=20)
    assert log.append({"interaction_id": "without a key"}).result(timeout=20) is False
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO event_keys")
    assert log.append({"idempotency_key": "a"}).result(timeout=20) is False
    assert log.append({"idempotency_key": "a"}).result(timeout=20) is True
    log.close()
    elsewhere = sa.create_engine(
        sa.make_url(postgres).set(database="nowhere"), connect_args={"connect_timeout": 2}
    )
    keys = SqlKeys(engine, tmp_path / "feedback", list)
    keys._engine = elsewhere
    with pytest.raises(OverloadedError, match=r"jobs\.database"):
        keys.begin()


def test_a_segment_that_nobody_closed_is_learned(tmp_path: Path, engine: sa.Engine) -> None:
    log_of(tmp_path, engine).close()
    left = tmp_path / "feedback" / "0000000000001-1-abandoned.open.jsonl"
    left.write_bytes(encode({"idempotency_key": "left behind"}))
    log = log_of(tmp_path, engine)
    assert log.append({"idempotency_key": "left behind"}).result(timeout=20) is True
    log.close()


def test_the_database_decides_where_keys_lie(tmp_path: Path, postgres: str) -> None:
    for database, files in ((postgres, 0), ("", 1)):
        paths = {"state": str(tmp_path / str(files))}
        settings = Settings.parse({"paths": paths, "jobs": {"database": database}})
        state = open_state(settings, SystemClock(), seed={}.get)
        state.close()
        assert len(list(tmp_path.glob(f"{files}/events/feedback/keys.db"))) == files
