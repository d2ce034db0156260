import asyncio
from datetime import UTC, datetime

import pytest

from naviyam.clock import FakeClock
from naviyam.conversation import Turns
from naviyam.dialogue.codec import dump_turns, load_turns
from naviyam.dialogue.in_memory import InMemoryMemory
from naviyam.dialogue.sqlite_state import SqliteMemory, SqliteProfiles
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Entity, Filters, Intent, Understanding, UserProfile

TURNS = Turns(
    last_understanding=Understanding(
        intent=Intent.REFINE,
        confidence=0.8,
        entities=(Entity(entity="budget_max", value=5000, start=0, end=3),),
        filters=Filters(budget_max=5000, dietary=("allergy:땅콩",)),
        keywords=("치킨",),
    ),
    last_shown=(
        Recommendation(
            rank=1, shop_id="s1", name="가게", category="치킨", address="길 1",
            menus=(ShownMenu(name="치킨", price_won=9000, over_limit_won=10),), open_now=None,
            funnels={"content": 0.5}, reasons=("가까워요",),
        ),
    ),
    filters=Filters(category="치킨"),
    shown_before=("s1", "s2"),
    openings=("좋죠!",),
    signs_by_message=(("broke", "hungry"), (), ("means",)),
    place="효자동",
)  # fmt: skip


def test_turns_survive_the_codec():
    assert load_turns(dump_turns(TURNS)) == TURNS
    assert load_turns(dump_turns(Turns())) == Turns()


@pytest.fixture(params=["process", "sqlite"])
def memory_and_clock(request, tmp_path):
    clock = FakeClock(current=datetime(2026, 11, 1, tzinfo=UTC))
    if request.param == "process":
        yield InMemoryMemory(clock, ttl_s=60, max_sessions=3), clock
        return
    memory = SqliteMemory(tmp_path / "memory.db", clock, ttl_s=60, max_sessions=3)
    yield memory, clock
    memory.close()


def test_memory_keeps_expires_and_forgets(memory_and_clock):
    memory, clock = memory_and_clock

    async def story():
        await memory.save("u", "a", TURNS)
        assert await memory.load("u", "a") == TURNS
        assert await memory.load("other", "a") == Turns()
        clock.advance(61)
        assert await memory.load("u", "a") == Turns()
        await memory.save("u", "a", TURNS)
        await memory.save("u", "b", TURNS)
        await memory.save("v", "a", TURNS)
        await memory.forget("u")
        assert await memory.load("u", "b") == Turns()
        assert await memory.load("v", "a") == TURNS

    asyncio.run(story())


def test_two_processes_see_one_memory(tmp_path):
    clock = FakeClock(current=datetime(2026, 11, 1, tzinfo=UTC))
    first, second = (
        SqliteMemory(tmp_path / "m.db", clock, ttl_s=60, max_sessions=9) for _ in range(2)
    )
    asyncio.run(first.save("u", "a", TURNS))
    assert asyncio.run(second.load("u", "a")) == TURNS
    first.close()
    second.close()


def test_a_forgotten_user_comes_back_as_a_stranger(tmp_path):
    history = {"u": UserProfile(user_id="u", age=12)}
    profiles = SqliteProfiles(tmp_path / "p.db", history.get)

    async def story():
        assert await profiles.get("u") == history["u"]
        assert await profiles.exists("u")
        await profiles.forget("u")
        assert not await profiles.exists("u")
        again = await profiles.get("u")
        assert again.user_id not in history
        assert again.age is None
        await profiles.put(UserProfile(user_id="u", age=13))
        again = await profiles.get("u")
        assert again.age == 13
        assert again.user_id not in history
        assert await profiles.get("nobody") is None

    asyncio.run(story())
    profiles.close()
