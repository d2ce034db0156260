"""Parts of the controller: one that fails holds up nobody, each has its period, and one process acts."""

import threading
import time
from datetime import timedelta

import pytest

from cluster.jobs.memory_store import MemoryStore
from cluster.parts import Parts
from naviyam.clock import FakeClock, SystemClock
from tests.jobs.conftest import NOW


class Counting:
    def __init__(self, name, every_s, fails=False):
        self.name, self.every_s, self.fails, self.at = name, every_s, fails, []

    def tick(self, now):
        self.at.append((now - NOW).total_seconds())
        if self.fails:
            raise ValueError("the tables are locked")


@pytest.fixture
def clock():
    return FakeClock(current=NOW)


def test_each_has_its_period_and_a_failing_one_holds_up_nobody(clock):
    fast, slow = Counting("fast", 1, fails=True), Counting("slow", 3)
    told = []
    parts = Parts(
        parts=[fast, slow], leases=MemoryStore(), holder="a", clock=clock, beat=told.append
    )
    for _ in range(8):
        assert parts.round()
        clock.advance(0.5)
    assert fast.at == [0, 1, 2, 3]
    assert slow.at == [0, 3]
    state = told[-1]["parts"]
    assert (state["fast"]["errors"], state["slow"]["errors"]) == (4, 0)
    assert state["fast"]["last_error"] == "ValueError: the tables are locked"
    fast.fails = False
    parts.round()
    assert parts.health["fast"].errors_in_row == 0


def test_one_process_acts_until_it_dies(clock):
    leases = MemoryStore()
    first, second = (
        Parts(parts=[Counting("p", 1)], leases=leases, holder=h, clock=clock) for h in "ab"
    )
    assert first.round()
    assert not second.round()
    for _ in range(20):
        clock.advance(1)
        assert first.round()
        assert not second.round()
    clock.advance(6)
    assert second.round()
    assert not first.round()
    assert second.parts[0].at == [timedelta(seconds=26).total_seconds()]


class Waiting(Counting):
    """Ticks until it is let go."""

    def __init__(self):
        super().__init__("waiting", 0.01)
        self.go = threading.Event()

    def tick(self, now):
        super().tick(now)
        assert self.go.wait(30)


def test_a_long_look_of_one_holds_up_no_other():
    long, short = Waiting(), Counting("short", 0.01)
    stop = threading.Event()
    parts = Parts(parts=[long, short], leases=MemoryStore(), holder="a", clock=SystemClock())
    running = threading.Thread(target=parts.run, args=(stop,))
    running.start()
    deadline = time.monotonic() + 30
    while len(short.at) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(long.at) == 1
    stop.set()
    long.go.set()
    running.join(30)
    assert not running.is_alive()


def test_a_lease_given_back_is_taken_at_once(clock):
    leases = MemoryStore()
    first, second = (
        Parts(parts=[Counting("p", 1)], leases=leases, holder=h, clock=clock) for h in "ab"
    )
    first.round()
    first.stop()
    assert second.round()
