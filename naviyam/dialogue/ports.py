"""The one seam: what a turn needs from the outside, as Protocols.

A deployment hands the pipeline handle-backed ports, a test or a small machine in-process ones.
"""

from datetime import datetime
from typing import Any, Protocol

from naviyam.conversation import Turns
from naviyam.nlg.generator import Generator
from naviyam.request import Understanding, UserProfile
from naviyam.search import Funnelled, Ranked, RankRequest, Retrieved, SearchRequest

__all__ = [
    "EventSink",
    "FunnelSource",
    "Generator",
    "Memory",
    "Profiles",
    "Ranker",
    "Retriever",
    "Understander",
]


class Understander(Protocol):
    """Stage 4: text and memory to an `Understanding`; offsets index the original text.

    Only messages that the screen let through come here; they are not screened again.
    """

    async def understand(self, text: str, turns: Turns) -> Understanding: ...


class Retriever(Protocol):
    """Stage 5A."""

    async def retrieve(self, request: SearchRequest) -> Retrieved: ...

    async def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        """Return which single wish to give up where nothing fits, most useful first (`budget_max:7000`)."""
        ...


class FunnelSource(Protocol):
    """Stage 5B."""

    async def gather(self, request: SearchRequest) -> Funnelled: ...


class Ranker(Protocol):
    """Stage 6."""

    async def rank(self, request: RankRequest, *, top_k: int) -> Ranked: ...


class Memory(Protocol):
    """Conversation memory per user and session, with an expiry."""

    async def load(self, user_id: str, session_id: str) -> Turns: ...

    async def save(self, user_id: str, session_id: str, turns: Turns) -> None: ...

    async def forget(self, user_id: str) -> None: ...


class Profiles(Protocol):
    """Profiles by pseudonym; an unknown user has the default profile."""

    async def get(self, user_id: str) -> UserProfile | None: ...

    async def exists(self, user_id: str) -> bool:
        """Return whether anything is known of a user; nothing is, of one who was forgotten."""
        ...

    async def put(self, profile: UserProfile) -> None: ...

    async def forget(self, user_id: str) -> None: ...


class EventSink(Protocol):
    """Durable records. Returns after the record cannot be lost."""

    async def interaction(self, record: dict[str, Any]) -> None: ...

    async def feedback(self, record: dict[str, Any]) -> bool:
        """Record a feedback once per `idempotency_key`; return True if it was there already."""
        ...

    async def operator(self, record: dict[str, Any]) -> None:
        """Record what an operator must see (a call for help), without a text and without a user."""
        ...

    async def forget(self, user_id: str, *, at: datetime) -> None:
        """Mark every record of a user up to `at` as gone; readers honour it."""
        ...
