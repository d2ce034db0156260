"""Profiles and conversation memory in one SQLite file that every ingress process of a machine shares.

Chosen over a state actor: no extra hop on the hot path (a read or write is some 0.1 ms), it survives a restart of the
ingress (a child's "더 싼 데는?" still works), and deletion is one transaction. WAL, synchronous=NORMAL for
memory, which may lose its last moments in a power cut, and FULL for profiles and deletions. One machine's disk
only: a cluster of several needs another implementation of the same ports.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.dialogue.codec import dump_profile, dump_turns, load_profile, load_turns
from naviyam.request import UserProfile

_LOCK_WAIT_S = 5.0
_SWEEP_EVERY = 500
"""Saves between two removals of what has expired."""


class _Database:
    """One file: read at once by the caller's thread (some 20 us, no lock in WAL), written by a thread of its own."""

    def __init__(self, path: Path, schema: str, *, synchronous: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _connect(path, synchronous)
        self._writer.execute(schema)
        self._reader = _connect(path, synchronous)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)

    def read(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._reader.execute(statement, values).fetchone()
        return row

    async def write(self, statement: str, *values: Any) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._writer.execute, statement, values)

    def close(self) -> None:
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


class SqliteMemory:
    """Conversation memory shared by processes; times are wall-clock seconds, so they mean the same in each."""

    def __init__(self, path: Path, clock: Clock, *, ttl_s: float, max_sessions: int) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_sessions = max_sessions
        self._saves = 0
        self._database = _Database(
            path,
            "CREATE TABLE IF NOT EXISTS memory (user_id TEXT, session_id TEXT, saved REAL, turns TEXT,"
            " PRIMARY KEY (user_id, session_id)) WITHOUT ROWID",
            synchronous="NORMAL",
        )

    async def load(self, user_id: str, session_id: str) -> Turns:
        row = self._database.read(
            "SELECT turns FROM memory WHERE user_id = ? AND session_id = ? AND saved >= ?",
            user_id,
            session_id,
            self._clock.now().timestamp() - self._ttl_s,
        )
        return Turns() if row is None else load_turns(row[0])

    async def save(self, user_id: str, session_id: str, turns: Turns) -> None:
        now = self._clock.now().timestamp()
        await self._database.write(
            "INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?)",
            user_id,
            session_id,
            now,
            dump_turns(turns),
        )
        self._saves += 1
        if self._saves % _SWEEP_EVERY == 0:
            await self._sweep(now)

    async def forget(self, user_id: str) -> None:
        await self._database.write("DELETE FROM memory WHERE user_id = ?", user_id)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    async def _sweep(self, now: float) -> None:
        await self._database.write("DELETE FROM memory WHERE saved < ?", now - self._ttl_s)
        await self._database.write(
            "DELETE FROM memory WHERE saved < (SELECT saved FROM memory ORDER BY saved DESC LIMIT 1 OFFSET ?)",
            self._max_sessions,
        )


class SqliteProfiles:
    """Profiles that were set or deleted here; anyone else's comes from the catalogue's users through `seed`.

    A forgotten user who comes back is a stranger: the profile carries another id than the pseudonym, one that
    no history knows, so that nothing learned before is used again.
    """

    def __init__(self, path: Path, seed: Callable[[str], UserProfile | None]) -> None:
        self.seed = seed
        self._database = _Database(
            path,
            "CREATE TABLE IF NOT EXISTS profiles (user_id TEXT PRIMARY KEY, profile TEXT, forgotten INTEGER)"
            " WITHOUT ROWID",
            synchronous="FULL",
        )

    async def get(self, user_id: str) -> UserProfile | None:
        row = self._database.read(
            "SELECT profile, forgotten FROM profiles WHERE user_id = ?", user_id
        )
        if row is None:
            return self.seed(user_id)
        text, forgotten = row
        alias = stranger_id(user_id) if forgotten else user_id
        if text is None:
            return UserProfile(user_id=alias)
        return replace(load_profile(text), user_id=alias)

    async def exists(self, user_id: str) -> bool:
        row = self._database.read("SELECT profile FROM profiles WHERE user_id = ?", user_id)
        return self.seed(user_id) is not None if row is None else row[0] is not None

    async def put(self, profile: UserProfile) -> None:
        user_id = pseudonym_of(profile.user_id)
        await self._database.write(
            "INSERT INTO profiles VALUES (?, ?, 0)"
            " ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile",
            user_id,
            dump_profile(replace(profile, user_id=user_id)),
        )

    async def forget(self, user_id: str) -> None:
        await self._database.write("INSERT OR REPLACE INTO profiles VALUES (?, NULL, 1)", user_id)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


_STRANGER = "-new"


def stranger_id(user_id: str) -> str:
    """Return the id under which a forgotten user is known to search and ranking."""
    return user_id + _STRANGER


def pseudonym_of(user_id: str) -> str:
    """Return the pseudonym under which the log knows whom search and ranking know by this id."""
    return user_id.removesuffix(_STRANGER)


def read_profiles(path: Path) -> dict[str, UserProfile]:
    """Return every profile that was set here, by pseudonym; none where there is no such file yet."""
    if not path.exists():
        return {}
    with contextlib.closing(_connect(path, "FULL")) as connection:
        found = connection.execute(
            "SELECT user_id, profile, forgotten FROM profiles WHERE profile IS NOT NULL"
        ).fetchall()
    return {
        user: replace(load_profile(text), user_id=stranger_id(user) if gone else user)
        for user, text, gone in found
    }
