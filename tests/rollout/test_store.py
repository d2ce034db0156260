"""The store's rules over every implementation: memory, SQLite, and a real PostgreSQL."""

import threading
from datetime import UTC, datetime

import pytest

from cluster.database import open_engine
from cluster.rollout.experiment import Experiment, Happening, State
from cluster.rollout.sql_store import SqlExperiments
from cluster.rollout.store import MemoryExperiments, Note
from naviyam.errors import ConflictError, NotFoundError
from naviyam.settings import Jobs, Paths, Rollout, Settings

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
NOTE = Note(what="start", who="t", why="w", at=NOW, evidence={"한": 1})


def experiment(identity, layer="ranker"):
    return Experiment(
        id=identity, layer=layer, stable="a", candidate="b", salt=identity, steps=Rollout().steps,
        created_at=NOW, who="t", offline_gain=0.03,
    ).weighing(0.1, NOW)  # fmt: skip


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def open_store(request, tmp_path):
    """Open the same store again and again, as other processes would."""
    if request.param == "memory":
        only = MemoryExperiments()
        yield lambda: only
        return
    url = ""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
    engines = []

    def make():
        settings = Settings(paths=Paths(state=tmp_path), jobs=Jobs(database=url))
        engines.append(open_engine(settings))
        return SqlExperiments(engines[-1])

    yield make
    for engine in engines:
        engine.dispose()


def test_what_was_written_is_read_back_by_another_process(open_store):
    one = experiment("one")
    open_store().add(one, NOTE)
    other = open_store()
    assert other.all() == (one,)
    assert other.get("one") == one
    (entry,) = other.history("one")
    assert (entry.note, entry.state, entry.weight) == (NOTE, State.RUNNING, 0.1)
    with pytest.raises(NotFoundError, match="there are: one"):
        other.get("two")


def test_a_layer_has_one_open_experiment(open_store):
    store = open_store()
    one = experiment("one")
    store.add(one, NOTE)
    with pytest.raises(ConflictError, match="one is open"):
        open_store().add(experiment("two"), NOTE)
    store.add(experiment("other", layer="adapter"), NOTE)
    store.change(one, one.after(Happening.ABORT, why=""), NOTE)
    open_store().add(experiment("two"), NOTE)
    assert [e.id for e in store.all()] == ["one", "other", "two"]


def test_who_decides_on_what_is_no_more_is_told_so_and_changes_nothing(open_store):
    store = open_store()
    one = experiment("one")
    store.add(one, NOTE)
    store.change(one, one.weighing(0.5, NOW), NOTE)
    with pytest.raises(ConflictError, match="look again"):
        open_store().change(one, one.after(Happening.ABORT, why=""), NOTE)
    assert store.get("one").weight == 0.5
    assert len(store.history("one")) == 2


def test_every_change_raises_the_revision_of_the_traffic_table(open_store):
    store = open_store()
    one = experiment("one")
    seen = [store.traffic().revision]
    store.add(one, NOTE)
    seen.append(store.traffic().revision)
    store.change(one, one.weighing(0.5, NOW), NOTE)
    seen.append(store.traffic().revision)
    assert seen == sorted(set(seen))
    assert store.traffic().splits[0].weight == 0.5


def test_two_that_start_at_the_same_time_do_not_both_get_the_layer(open_store):
    stores = [open_store() for _ in range(4)]
    errors = []
    barrier = threading.Barrier(4)

    def start(number):
        barrier.wait()
        try:
            stores[number].add(experiment(f"e{number}"), NOTE)
        except ConflictError as e:
            errors.append(e)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].all()) == 1
    assert len(errors) == 3
