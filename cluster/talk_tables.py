"""Conversation memory and profiles in the control plane's database, for ingress replicas on several machines.

The same ports and the same rules as `naviyam.dialogue.sqlite_state`, which one machine keeps to. A memory that cannot be
reached is an empty one: the child is answered as if the talk began. A profile that cannot be reached is an error, since
it holds the consent.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cluster.database import open_engine
from cluster.placement import is_sqlite
from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.dialogue.codec import dump_profile, dump_turns, load_profile, load_turns
from naviyam.dialogue.sqlite_state import pseudonym_of, read_profiles, stranger_id
from naviyam.errors import OverloadedError
from naviyam.request import UserProfile
from naviyam.settings import Settings

_METADATA = sa.MetaData()
MEMORY = sa.Table(
    "talk_memory",
    _METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("saved_s", sa.Float, nullable=False, index=True),
    sa.Column("turns", sa.Text, nullable=False),
)
PROFILES = sa.Table(
    "talk_profiles",
    _METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("profile", sa.Text),
    sa.Column("forgotten", sa.Boolean, nullable=False),
)
_SWEEP_EVERY = 500
"""Saves of one process between two removals of what has expired."""

_RETRY_AFTER_S = 2.0
_logger = logging.getLogger(__name__)


class SqlMemory:
    """Conversation memory shared by machines; times are wall-clock seconds."""

    def __init__(self, engine: sa.Engine, clock: Clock, *, ttl_s: float, max_sessions: int) -> None:
        self._engine, self._clock = engine, clock
        self._ttl_s, self._max_sessions = ttl_s, max_sessions
        self._saves = 0
        _METADATA.create_all(engine)

    async def load(self, user_id: str, session_id: str) -> Turns:
        since_s = self._clock.now().timestamp() - self._ttl_s
        wanted = sa.select(MEMORY.c.turns).where(
            MEMORY.c.user_id == user_id,
            MEMORY.c.session_id == session_id,
            MEMORY.c.saved_s >= since_s,
        )
        try:
            row = await asyncio.to_thread(_first, self._engine, wanted)
        except SQLAlchemyError:
            _logger.exception("a conversation cannot be read; it is answered as a new one")
            return Turns()
        return Turns() if row is None else load_turns(row[0])

    async def save(self, user_id: str, session_id: str, turns: Turns) -> None:
        values = {"saved_s": self._clock.now().timestamp(), "turns": dump_turns(turns)}
        key = {"user_id": user_id, "session_id": session_id}
        try:
            await asyncio.to_thread(_put, self._engine, MEMORY, key, values)
            self._saves += 1
            if self._saves % _SWEEP_EVERY == 0:
                await asyncio.to_thread(self._sweep)
        except SQLAlchemyError:
            _logger.exception("a conversation cannot be kept; its next message will be a first one")

    async def forget(self, user_id: str) -> None:
        gone = sa.delete(MEMORY).where(MEMORY.c.user_id == user_id)
        await asyncio.to_thread(_do, self._engine, gone)

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def _sweep(self) -> None:
        since_s = self._clock.now().timestamp() - self._ttl_s
        _do(self._engine, sa.delete(MEMORY).where(MEMORY.c.saved_s < since_s))
        newest = sa.select(MEMORY.c.saved_s).order_by(MEMORY.c.saved_s.desc())
        row = _first(self._engine, newest.offset(self._max_sessions).limit(1))
        if row is not None:
            _do(self._engine, sa.delete(MEMORY).where(MEMORY.c.saved_s <= row[0]))


class SqlProfiles:
    """Profiles that were set or deleted here; anyone else's comes from the catalogue's users through `seed`."""

    def __init__(self, engine: sa.Engine, seed: Callable[[str], UserProfile | None]) -> None:
        self.seed = seed
        self._engine = engine
        _METADATA.create_all(engine)

    async def get(self, user_id: str) -> UserProfile | None:
        row = await self._row(user_id)
        if row is None:
            return self.seed(user_id)
        text, forgotten = row
        alias = stranger_id(user_id) if forgotten else user_id
        return replace(
            UserProfile(user_id=alias) if text is None else load_profile(text), user_id=alias
        )

    async def exists(self, user_id: str) -> bool:
        row = await self._row(user_id)
        return self.seed(user_id) is not None if row is None else row[0] is not None

    async def put(self, profile: UserProfile) -> None:
        user_id = pseudonym_of(profile.user_id)
        text = dump_profile(replace(profile, user_id=user_id))
        await self._write(user_id, {"profile": text}, {"forgotten": False})

    async def forget(self, user_id: str) -> None:
        await self._write(user_id, {"profile": None, "forgotten": True}, {})

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    async def _row(self, user_id: str) -> Any:
        wanted = sa.select(PROFILES.c.profile, PROFILES.c.forgotten).where(
            PROFILES.c.user_id == user_id
        )
        try:
            return await asyncio.to_thread(_first, self._engine, wanted)
        except SQLAlchemyError as e:
            raise _away(e) from e

    async def _write(self, user_id: str, values: dict[str, Any], new: dict[str, Any]) -> None:
        key = {"user_id": user_id}
        try:
            await asyncio.to_thread(_put, self._engine, PROFILES, key, values, new)
        except SQLAlchemyError as e:
            raise _away(e) from e


def profiles_set(settings: Settings) -> dict[str, UserProfile]:
    """Return every profile that was set in an installation, by pseudonym, wherever it keeps them."""
    if is_sqlite(settings):
        return read_profiles(settings.paths.state / "profiles.db")
    engine = open_engine(settings)
    _METADATA.create_all(engine)
    with engine.begin() as connection:
        rows = connection.execute(sa.select(PROFILES).where(PROFILES.c.profile.is_not(None))).all()
    engine.dispose()
    return {
        row.user_id: replace(
            load_profile(row.profile),
            user_id=stranger_id(row.user_id) if row.forgotten else row.user_id,
        )
        for row in rows
    }


def _first(engine: sa.Engine, wanted: sa.Select[Any]) -> Any:
    with engine.begin() as connection:
        return connection.execute(wanted).first()


def _do(engine: sa.Engine, statement: sa.Delete) -> None:
    with engine.begin() as connection:
        connection.execute(statement)


def _put(
    engine: sa.Engine,
    table: sa.Table,
    key: dict[str, Any],
    values: dict[str, Any],
    new: dict[str, Any] | None = None,
) -> None:
    """Change a row, or insert it with `new` besides; another process may insert it in between, and is then overwritten."""
    found = [table.c[name] == value for name, value in key.items()]
    with engine.begin() as connection:
        if connection.execute(sa.update(table).where(*found).values(values)).rowcount:
            return
        inserted = {**key, **values, **(new or {})}
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(table).values(inserted))
        except sa.exc.IntegrityError:
            connection.execute(sa.update(table).where(*found).values(values))


def _away(error: SQLAlchemyError) -> OverloadedError:
    return OverloadedError(
        f"the database of profiles does not answer ({type(error).__name__})",
        retry_after_s=_RETRY_AFTER_S,
    )
