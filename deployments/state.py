"""What outlives a request, below `settings.paths.state`: memory, profiles, the event log, the key of pseudonyms."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from cluster.database import open_engine
from cluster.key_tables import key_tables
from cluster.placement import is_sqlite
from cluster.talk_tables import SqlMemory, SqlProfiles
from naviyam.clock import Clock
from naviyam.dialogue.in_memory import InMemoryMemory
from naviyam.dialogue.ports import EventSink, Memory, Profiles
from naviyam.dialogue.sqlite_state import SqliteMemory, SqliteProfiles
from naviyam.feedback.log import Commit
from naviyam.feedback.sink import DurableSink
from naviyam.feedback.store import EventStore
from naviyam.ids import load_or_create_key
from naviyam.request import UserProfile
from naviyam.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What outlives a request: memory, profiles, the event log. `key` makes pseudonyms."""

    memory: Memory
    profiles: Profiles
    events: EventSink
    key: bytes
    close: Callable[[], None]


def open_state(
    settings: Settings,
    clock: Clock,
    *,
    seed: Callable[[str], UserProfile | None],
    told: Callable[[Commit], None] = lambda commit: None,
) -> State:
    """Open the state below `settings.paths.state`.

    Memory lives in this process where one ingress serves alone, else in a SQLite file that all of them share. With a
    database server (`jobs.database`) memory, profiles and the keys of events are in there: replicas may then be on several
    machines.
    """
    serving, root = settings.serving, settings.paths.state
    shared = serving.light_stages == "deployments" or serving.ingress.max_replicas > 1
    closers: list[Callable[[], None]] = []
    memory: Memory
    profiles: Profiles
    server = None if is_sqlite(settings) else open_engine(settings)
    if server is not None:
        memory = SqlMemory(
            server, clock, ttl_s=serving.memory_ttl_s, max_sessions=serving.memory_max_sessions
        )
    elif shared:
        sqlite = SqliteMemory(
            root / "memory.db",
            clock,
            ttl_s=serving.memory_ttl_s,
            max_sessions=serving.memory_max_sessions,
        )
        closers.append(sqlite.close)
        memory = sqlite
    else:
        memory = InMemoryMemory(
            clock, ttl_s=serving.memory_ttl_s, max_sessions=serving.memory_max_sessions
        )
    if server is not None:
        profiles = SqlProfiles(server, seed)
        closers.append(server.dispose)
    else:
        file = SqliteProfiles(root / "profiles.db", seed)
        closers.append(file.close)
        profiles = file
    held = contextlib.ExitStack()
    events = DurableSink(
        EventStore.of(settings),
        clock=clock,
        settings=settings,
        told=told,
        open_keys=held.enter_context(key_tables(settings)),
    )
    closers += [events.close, held.close]

    def close() -> None:
        for each in closers:
            each()

    return State(
        memory=memory,
        profiles=profiles,
        events=events,
        key=load_or_create_key(settings.paths.user_key),
        close=close,
    )
