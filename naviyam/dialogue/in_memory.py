"""Ports that live in this process: one ingress replica, a test, a terminal. Lost with the process."""

from collections import OrderedDict
from datetime import datetime
from typing import Any

from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.request import UserProfile


class InMemoryMemory:
    """Conversation memory with an expiry; the session unused longest goes first when there are too many."""

    def __init__(self, clock: Clock, *, ttl_s: float = 1_800.0, max_sessions: int = 10_000) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_sessions = max_sessions
        self._sessions: OrderedDict[tuple[str, str], tuple[float, Turns]] = OrderedDict()

    async def load(self, user_id: str, session_id: str) -> Turns:
        saved_s, turns = self._sessions.get((user_id, session_id), (0.0, None))
        if turns is None:
            return Turns()
        if self._clock.monotonic_s() - saved_s > self._ttl_s:
            del self._sessions[user_id, session_id]
            return Turns()
        return turns

    async def save(self, user_id: str, session_id: str, turns: Turns) -> None:
        key = (user_id, session_id)
        self._sessions[key] = (self._clock.monotonic_s(), turns)
        self._sessions.move_to_end(key)
        while len(self._sessions) > self._max_sessions:
            self._sessions.popitem(last=False)

    async def forget(self, user_id: str) -> None:
        for key in [k for k in self._sessions if k[0] == user_id]:
            del self._sessions[key]


class InMemoryProfiles:
    """Profiles by pseudonym in a dictionary."""

    def __init__(self) -> None:
        self._profiles: dict[str, UserProfile] = {}

    async def get(self, user_id: str) -> UserProfile | None:
        return self._profiles.get(user_id)

    async def exists(self, user_id: str) -> bool:
        return user_id in self._profiles

    async def put(self, profile: UserProfile) -> None:
        self._profiles[profile.user_id] = profile

    async def forget(self, user_id: str) -> None:
        self._profiles.pop(user_id, None)


class InMemorySink:
    """Events in lists, for tests and for a terminal that collects nothing on disk."""

    def __init__(self) -> None:
        self.interactions: list[dict[str, Any]] = []
        self.feedbacks: list[dict[str, Any]] = []
        self.operators: list[dict[str, Any]] = []
        self.forgotten: dict[str, datetime] = {}

    async def interaction(self, record: dict[str, Any]) -> None:
        self.interactions.append(record)

    async def feedback(self, record: dict[str, Any]) -> bool:
        key = record.get("idempotency_key")
        if key is not None and any(f.get("idempotency_key") == key for f in self.feedbacks):
            return True
        self.feedbacks.append(record)
        return False

    async def operator(self, record: dict[str, Any]) -> None:
        self.operators.append(record)

    async def forget(self, user_id: str, *, at: datetime) -> None:
        self.forgotten[user_id] = at
