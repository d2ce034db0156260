"""What was seen at each look is kept once and read cheaply."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cluster.database import engine_of
from cluster.monitoring.store import MemoryAlertStore
from cluster.rollout.looks import MemoryLooks
from cluster.rollout.part import MemoryFleet, RolloutPart, look_of
from cluster.rollout.part import look as look_at
from cluster.rollout.sql_looks import SqlLooks
from naviyam.clock import FakeClock
from tests.rollout.crowd import BEGAN, crowd


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def looks(request, tmp_path):
    if request.param == "memory":
        return MemoryLooks()
    if request.param == "sqlite":
        return SqlLooks(engine_of(f"sqlite:///{tmp_path / 'control.db'}"))
    return SqlLooks(engine_of(request.getfixturevalue("postgres")))


@pytest.fixture
def part(rollouts, looks):
    class People:
        reads = 0

        def seen(self, experiment):
            self.reads += 1
            return crowd(600, weight=0.1, clicks=(0.2, 0.3))

    return RolloutPart(
        rollouts=rollouts,
        fleet=MemoryFleet(),
        observer=People(),
        alarms=MemoryAlertStore(),
        looks=looks,
    )


def test_each_look_is_kept_and_showing_one_reads_no_log(part, rollouts, looks):
    held = rollouts.start("ranker", "challenger", who="t", why="")
    now = held.created_at + timedelta(hours=1)
    assert looks.last(held.id) is None
    for n in range(3):
        part.tick(now + timedelta(minutes=n))
    reads = part.observer.reads
    last = part.looked(rollouts.experiments.get(held.id), now)
    assert part.observer.reads == reads
    assert last == looks.last(held.id)
    assert last.at == now + timedelta(minutes=2)
    series = looks.series(held.id, limit=10)
    assert [p.at for p in series] == [now + timedelta(minutes=n) for n in range(3)]
    band = series[-1].bands["ctr"]
    assert band.low <= band.estimate <= band.high
    assert band.estimate == last.analysis["differences"]["ctr"]["absolute"]["estimate"]
    part.looked(held, now, fresh=True)
    assert part.observer.reads == reads + 1


def test_a_long_series_is_thinned_with_its_ends(rollouts, looks):
    held = rollouts.start("ranker", "challenger", who="t", why="")
    clock = FakeClock(current=BEGAN)
    seen = crowd(40)
    made = look_of(held, *look_at(held, seen, rollouts.settings, BEGAN + timedelta(days=1)))
    for n in range(101):
        looks.keep(replace(made, at=clock.now() + timedelta(minutes=n)))
    series = looks.series(held.id, limit=10)
    assert (series[0].at, series[-1].at) == (BEGAN, BEGAN + timedelta(minutes=100))
    assert 10 <= len(series) <= 12
    assert looks.series("none", limit=10) == ()
