"""The keys as one process knows them: read from the store every few seconds, so that no request waits for a query."""

import asyncio
import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from cluster.access.key_file import load_or_create_admin_key
from cluster.access.keys import ApiKey, KeyStore, Refusal, Role, digest_of
from cluster.access.sql_store import SqlKeys
from cluster.database import database_url
from naviyam.clock import Clock, SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings

_PATIENCE_S = 1.0
_ASK_AGAIN_S = 1.0
"""Least time between two readings for a key that is not known: it may be a new one, or a flood of wrong ones."""

_logger = logging.getLogger(__name__)


def bearer_of(authorization: str) -> str | None:
    """Return the key in an Authorization header, None where there is none.

    >>> bearer_of("Bearer nv_abc"), bearer_of("Basic abc"), bearer_of("Bearer ")
    ('nv_abc', None, None)
    """
    scheme, _, given = authorization.partition(" ")
    return given.strip() or None if scheme.lower() == "bearer" else None


class KeysAwayError(NaviyamError, RuntimeError):
    """The keys cannot be read now, and this process never read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. `name` is the key's, for records of who did what."""

    key_id: str
    name: str
    role: Role
    users: str = ""
    """The space of its users' ids."""


class Keyring:
    """Finds callers by their keys. Use it from any event loop.

    Args:
        store: where the keys are.
        file_secret: returns the key of the file, which is made the first admin key; None where there is none.
        refresh_s: how old what was read may be.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        clock: Clock,
        file_secret: Callable[[], str] | None = None,
        refresh_s: float = 5.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._file_secret = file_secret
        self._refresh_s = refresh_s
        self._keys: Mapping[str, ApiKey] | None = None
        self._read_s = float("-inf")
        self._adopted = False
        self._reading = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, clock: Clock | None = None) -> Self:
        """Return the installation's keyring; the key file is made where it is missing."""
        load_or_create_admin_key(settings)
        return cls(
            SqlKeys(database_url(settings)),
            clock=clock or SystemClock(),
            file_secret=lambda: load_or_create_admin_key(settings),
            refresh_s=settings.access.key_refresh_s,
        )

    async def find(self, secret: str) -> Caller | Refusal:
        """Return whose key this is, or why it may not call.

        Raises:
            KeysAwayError: nothing is known of any key, and the store does not answer.
        """
        digest = digest_of(secret)
        age_s = self._clock.monotonic_s() - self._read_s
        known = self._keys is not None and digest in self._keys
        if age_s > (self._refresh_s if known else min(_ASK_AGAIN_S, self._refresh_s)):
            await self._refresh()
        if self._keys is None:
            raise KeysAwayError("API keys cannot be checked now; try again")
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return Refusal.UNKNOWN
        if (why := key.refusal(self._clock.now())) is not None:
            return why
        return Caller(key_id=key.id, name=key.name, role=key.role, users=key.users)

    async def _refresh(self) -> None:
        """Read the store in a thread; a store that does not answer leaves what is known."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.to_thread(self._read)
        except TimeoutError:
            _logger.error("the keys were not read within %g s", _PATIENCE_S)

    def _read(self) -> None:
        # Others answer from what is known while one reads; at the start they wait for it.
        if not self._reading.acquire(timeout=0 if self._keys is not None else _PATIENCE_S):
            return
        try:
            if self._clock.monotonic_s() - self._read_s < min(_ASK_AGAIN_S, self._refresh_s):
                return
            if self._file_secret is not None and not self._adopted:
                self._adopt(self._file_secret())
            self._keys = {key.digest: key for key in self._store.all()}
        except Exception as e:  # whatever the database says: requests go on with what is known
            _logger.error("the keys cannot be read: %s: %s", type(e).__name__, e)
        finally:
            self._read_s = self._clock.monotonic_s()
            self._reading.release()

    def _adopt(self, secret: str) -> None:
        key = self._store.adopt(secret, at=self._clock.now())
        self._adopted = True
        if key.revoked_at is not None:
            _logger.error(
                "the key in the key file was revoked by %s; remove the file to have a new one made",
                key.revoked_by,
            )
