"""Keys: what is kept, who may call, how soon a change counts, and the command line."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from cluster.access.key_file import key_path, load_or_create_admin_key, own_credentials
from cluster.access.keys import FILE_KEY, MemoryKeys, Refusal, Role, digest_of, new_key, new_secret
from cluster.access.sql_store import SqlKeys
from cluster.cli.main import run
from cluster.database import database_url
from deployments.access.keyring import Caller, Keyring, KeysAwayError
from naviyam.clock import FakeClock
from naviyam.errors import ConflictError, InputError, NotFoundError

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def key_of(secret, name="app", **more):
    return new_key(secret, **{"name": name, "role": Role.CLIENT, "now": NOW, "by": "kim", **more})


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryKeys()
    sqlite = f"sqlite:///{tmp_path}/k.db"
    return SqlKeys(sqlite if request.param == "sqlite" else request.getfixturevalue("postgres"))


def test_every_store_keeps_a_key_by_its_hash_and_ends_it(store):
    secret = new_secret()
    key = key_of(secret, expires_at=NOW + timedelta(days=1))
    store.add(key)
    assert store.all() == (key,)
    assert secret not in repr(store.all())
    with pytest.raises(ConflictError, match="in force"):
        store.add(key_of(new_secret()))
    ended = store.revoke("app", by="lee", at=NOW)
    assert (ended.refusal(NOW), ended.revoked_by) == (Refusal.REVOKED, "lee")
    assert store.revoke(key.id, by="min", at=NOW).revoked_by == "lee", "it was ended once"
    with pytest.raises(NotFoundError, match="keys list"):
        store.revoke("app", by="lee", at=NOW)
    store.add(key_of(new_secret()))
    assert [k.refusal(NOW) for k in store.all()].count(None) == 1


def test_every_store_adopts_the_key_of_the_file(store):
    first = store.adopt("first-secret-of-16", at=NOW)
    assert store.adopt("first-secret-of-16", at=NOW) == first
    assert (first.name, first.role) == (FILE_KEY, Role.ADMIN)
    second = store.adopt("another-secret-of-16", at=NOW)
    assert {k.id: k.refusal(NOW) for k in store.all()} == {
        first.id: Refusal.REVOKED,
        second.id: None,
    }
    assert store.adopt("first-secret-of-16", at=NOW).refusal(NOW) is Refusal.REVOKED


def test_a_key_ends_by_itself_and_cannot_be_born_dead():
    key = key_of("s", expires_at=NOW + timedelta(hours=1))
    assert key.refusal(NOW + timedelta(minutes=59)) is None
    assert key.refusal(NOW + timedelta(hours=1)) is Refusal.EXPIRED
    with pytest.raises(InputError, match="over"):
        key_of("s", expires_at=NOW)
    with pytest.raises(InputError, match="key name"):
        key_of("s", name="../x")
    assert len(new_secret()) == 46


class Counting(MemoryKeys):
    def __init__(self):
        super().__init__()
        self.read, self.there = 0, True

    def all(self):
        self.read += 1
        if not self.there:
            raise ConnectionError("away")
        return super().all()


def test_requests_are_answered_from_memory_and_changes_count_soon():
    async def story():
        clock, store = FakeClock(current=NOW), Counting()
        store.add(key_of("one"))
        ring = Keyring(store, clock=clock, refresh_s=5)
        for _ in range(50):
            assert isinstance(await ring.find("one"), Caller)
        assert store.read == 1
        assert await ring.find("two") is Refusal.UNKNOWN
        store.add(key_of("two", "other"))
        assert await ring.find("two") is Refusal.UNKNOWN, "no flood of wrong keys asks the store"
        assert store.read == 1
        clock.advance(1.1)
        assert (await ring.find("two")).name == "other"
        store.revoke("app", by="lee", at=NOW)
        clock.advance(5.1)
        assert await ring.find("one") is Refusal.REVOKED

    asyncio.run(story())


def test_what_was_read_holds_while_the_store_is_away_and_nothing_read_lets_nobody_in():
    async def story():
        clock, store = FakeClock(current=NOW), Counting()
        store.add(key_of("one"))
        ring = Keyring(store, clock=clock)
        await ring.find("one")
        store.there = False
        clock.advance(3_600)
        assert isinstance(await ring.find("one"), Caller)
        fresh = Keyring(store, clock=clock)
        with pytest.raises(KeysAwayError):
            await fresh.find("one")
        store.there = True
        clock.advance(6)
        assert isinstance(await fresh.find("one"), Caller)

    asyncio.run(story())


def test_the_files_key_is_the_first_admin_key(settings_of):
    settings = settings_of()
    assert own_credentials(settings) == {}
    ring = Keyring.of(settings)
    secret = load_or_create_admin_key(settings)
    assert own_credentials(settings) == {"Authorization": f"Bearer {secret}"}
    found = asyncio.run(ring.find(secret))
    assert (found.name, found.role) == (FILE_KEY, Role.ADMIN)
    (kept,) = SqlKeys(database_url(settings)).all()
    assert kept.digest == digest_of(secret)
    key_path(settings).unlink()
    other = Keyring.of(settings)
    assert asyncio.run(other.find(secret)) is Refusal.REVOKED


def test_the_command_line(settings_of, monkeypatch, tmp_path, capsys):
    settings = settings_of()
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def answer(*arguments):
        assert run(["keys", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    made = answer("create", "school-app", "--expires", "90d")
    assert (made["role"], made["name"]) == ("client", "school-app")
    assert asyncio.run(Keyring.of(settings).find(made["key"])).name == "school-app"
    listed = answer("list")
    assert made["key"] not in json.dumps(listed)
    assert {k["name"]: k["state"] for k in listed["keys"]} == {
        "school-app": "in force",
        FILE_KEY: "in force",
    }
    assert answer("revoke", "school-app")["state"] == "revoked"
    assert run(["keys", "create", "x", "--role", "king"]) == 1
    assert run(["keys", "create", "x", "--expires", "soon"]) == 1
    assert run(["keys", "revoke", "nobody"]) == 1
    assert "keys list" in capsys.readouterr().err
