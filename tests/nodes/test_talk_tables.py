"""Memory and profiles in the control plane's database, as the files of one machine keep them."""

import asyncio
from datetime import UTC, datetime

import pytest

from cluster.database import engine_of
from cluster.talk_tables import SqlMemory, SqlProfiles, profiles_set
from deployments.state import open_state
from naviyam.clock import FakeClock
from naviyam.conversation import Turns
from naviyam.errors import OverloadedError
from naviyam.request import Filters, UserProfile
from naviyam.settings import Settings

TURNS = Turns(filters=Filters(category="치킨"), shown_before=("s1",), place="효자동")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'c.db'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
def clock():
    return FakeClock(current=datetime(2026, 11, 1, tzinfo=UTC))


def memory_at(url, clock, **how):
    return SqlMemory(engine_of(url), clock, **{"ttl_s": 60, "max_sessions": 9, **how})


def test_two_machines_see_one_memory_that_expires_and_forgets(url, clock):
    first, second = memory_at(url, clock), memory_at(url, clock)

    async def story():
        await first.save("u", "a", Turns())
        await first.save("u", "a", TURNS)
        assert await second.load("u", "a") == TURNS
        assert await second.load("v", "a") == Turns()
        clock.advance(61)
        assert await second.load("u", "a") == Turns()
        await first.save("u", "a", TURNS)
        await first.save("v", "a", TURNS)
        await second.forget("u")
        assert await first.load("u", "a") == Turns()
        assert await first.load("v", "a") == TURNS

    asyncio.run(story())
    first.close()
    second.close()


def test_the_oldest_sessions_go(url, clock):
    memory = memory_at(url, clock, ttl_s=1e9, max_sessions=3)
    memory._saves = 493

    async def story():
        for number in range(7):
            clock.advance(1)
            await memory.save("u", str(number), TURNS)
        kept = [n for n in range(7) if await memory.load("u", str(n)) == TURNS]
        assert kept == [4, 5, 6]

    asyncio.run(story())
    memory.close()


def test_a_forgotten_user_comes_back_as_a_stranger(url):
    history = {"u": UserProfile(user_id="u", age=12)}
    profiles = SqlProfiles(engine_of(url), history.get)

    async def story():
        assert await profiles.get("u") == history["u"]
        await profiles.forget("u")
        assert not await profiles.exists("u")
        assert (await profiles.get("u")).user_id not in history
        await profiles.put(UserProfile(user_id="u", age=13))
        again = await profiles.get("u")
        assert again.age == 13
        assert again.user_id not in history
        assert await profiles.get("nobody") is None

    asyncio.run(story())
    profiles.close()


def test_a_database_that_is_away_ends_no_talk_and_guesses_no_consent(tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'c.db'}"
    memory, profiles = memory_at(url, clock), SqlProfiles(engine_of(url), lambda _: None)
    for table in ("talk_memory", "talk_profiles"):
        with memory._engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {table}")

    async def story():
        await memory.save("u", "a", TURNS)
        assert await memory.load("u", "a") == Turns()
        with pytest.raises(OverloadedError, match="database of profiles"):
            await profiles.get("u")

    asyncio.run(story())


def test_an_installation_with_a_server_keeps_talks_there(tmp_path, clock, postgres):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}, "jobs": {"database": postgres}})
    state = open_state(settings, clock, seed=lambda _: None)

    async def story():
        await state.memory.save("u", "a", TURNS)
        await state.profiles.put(UserProfile(user_id="u", age=11))

    asyncio.run(story())
    state.close()
    assert profiles_set(settings)["u"].age == 11
    assert not list(tmp_path.glob("*.db"))
