"""One replica's snapshots: made once for all, not at all for nobody, and whole although a part is away."""

import asyncio
import json
import threading
from dataclasses import dataclass, field

import pytest

from deployments.admin.live.feed import Feed, frame_of
from naviyam.clock import SystemClock
from naviyam.errors import ConflictError, OverloadedError
from naviyam.settings import Admin


@dataclass
class Counting:
    name: str = "count"
    every_s: float = 0.0
    begun: int = 0
    reads: int = 0
    fails: Exception | None = None
    waits: threading.Event | None = None
    told: dict = field(default_factory=lambda: {"points": [1]})

    def begin(self):
        self.begun += 1

    def read(self):
        self.reads += 1
        if self.waits is not None:
            self.waits.wait(5)
        if self.fails is not None:
            raise self.fails
        return {"n": self.reads}

    def past(self):
        return self.told


def feed_of(*parts, **settings):
    values = {"live_every_s": 0.02, "live_timeout_s": 0.2, **settings}
    return Feed(parts, settings=Admin(**values), clock=SystemClock())


def parsed(frame):
    head, data = frame.rstrip("\n").split("\n")
    return head.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def some(feed, count):
    found = []
    events = feed.watch()
    async for frame in events:
        found.append(parsed(frame))
        if len(found) == count:
            break
    await events.aclose()
    return found


async def test_all_viewers_share_what_is_made_once():
    part = Counting()
    feed = feed_of(part)
    one, two = await asyncio.gather(some(feed, 6), some(feed, 6))
    assert [name for name, _ in one] == ["past"] + ["snapshot"] * 5
    assert one[0][1] == {"count": {"points": [1]}}
    assert one[1:] == two[1:]
    assert part.reads <= 7
    assert one[1][1]["parts"]["count"] == {**one[1][1]["parts"]["count"], "stale": False, "value": {"n": 1}}  # fmt: skip


async def test_nothing_is_read_while_nobody_watches():
    part = Counting()
    feed = feed_of(part)
    await some(feed, 3)
    assert feed.viewers == 0
    reads = part.reads
    await asyncio.sleep(0.1)
    assert part.reads == reads
    await some(feed, 2)
    assert part.begun == 2


async def test_a_part_that_fails_is_sent_as_it_was():
    good, bad = Counting("good"), Counting("bad", fails=ConflictError("no database"))
    worse = Counting("worse", fails=RuntimeError("secret"))
    _, (_, snapshot) = await some(feed_of(good, bad, worse), 2)
    parts = snapshot["parts"]
    assert (parts["good"]["stale"], parts["bad"]["stale"]) == (False, True)
    assert (parts["bad"]["error"], parts["bad"]["value"]) == ("no database", None)
    assert parts["worse"]["error"] == "RuntimeError"


async def test_a_part_that_hangs_holds_up_nobody_and_is_not_asked_again():
    gate = threading.Event()
    slow, quick = Counting("slow", waits=gate), Counting("quick")
    found = await some(feed_of(slow, quick, live_timeout_s=0.3), 4)
    assert [s["parts"]["quick"]["value"]["n"] for _, s in found[1:]] == [1, 2, 3]
    assert found[3][1]["parts"]["slow"]["stale"]
    assert "0.3 s" in found[3][1]["parts"]["slow"]["error"]
    assert slow.reads == 1
    gate.set()


async def test_a_part_may_be_slower_than_the_snapshots_until_something_changed():
    part = Counting(every_s=60.0)
    feed = feed_of(part)
    events = feed.watch()
    for _ in range(5):
        await anext(events)
    assert part.reads == 1
    feed.poke()
    for _ in range(3):
        await anext(events)
    await events.aclose()
    assert part.reads == 2


async def test_too_many_viewers_and_streams_that_end():
    feed = feed_of(Counting(), live_viewers=1, live_for_s=0.05)
    watching = feed.watch()
    await anext(watching)
    with pytest.raises(OverloadedError, match="live_viewers"):
        await anext(feed.watch())
    frames = [parsed(frame)[0] async for frame in watching]
    assert frames[-1] == "bye"
    assert feed.viewers == 0


def test_numbers_that_json_does_not_know_are_null():
    name, data = parsed(frame_of("x", {"a": float("nan"), "b": [float("inf"), 1.5]}))
    assert (name, data) == ("x", {"a": None, "b": [None, 1.5]})
