"""Who may come in, and how often: the keys and the limits of one process behind a few questions. No HTTP framework."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from cluster.access.keys import Refusal, Role
from cluster.access.limiter import Limiter
from cluster.access.limits import Admitted, Quota, Refused
from cluster.access.sql_store import SqlCounts
from cluster.database import database_url
from deployments.access.keyring import Caller, Keyring, KeysAwayError
from deployments.access.paths import Kind
from naviyam.clock import Clock, SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Access, Settings

USER_QUOTAS = ("user_chats", "user_searches", "user_records")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A request that does not come in, as HTTP says it."""

    status: int
    code: str
    detail: str
    challenge: str = ""
    """WWW-Authenticate."""

    retry_after_s: float | None = None


class RateLimitedError(NaviyamError, RuntimeError):
    """A quota is used up."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(explain(refused))
        self.refused = refused


def explain(refused: Refused) -> str:
    """Return what a refused caller is told."""
    quota = refused.quota
    return (
        f"more than {quota.requests} requests in {quota.window_us / 1e6:g} s ({quota.name}); "
        f"try again in {refused.retry_after_s:.1f} s"
    )


class Desk:
    """One process's keys and limits.

    Args:
        counted: is given the name of each quota that refused, and what the limiter tells.
        secret: makes addresses unreadable before they are counted under.
    """

    def __init__(
        self,
        access: Access,
        keyring: Keyring,
        limiter: Limiter,
        *,
        secret: bytes = b"",
        counted: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.access = access
        self.keyring = keyring
        self._limiter = limiter
        self._secret = secret
        self._counted = counted
        names = (*USER_QUOTAS, "key_requests", "key_completions", "address_requests")
        self._quotas = {
            name: Quota.of(name, getattr(access, name), credit_share=access.credit_share)
            for name in names
            if access.limited
        }

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        secret: bytes = b"",
        counted: Callable[[str], None] = lambda name: None,
    ) -> Self:
        """Return the desk of an installation; counts are shared where there may be several replicas."""
        clock = clock or SystemClock()
        several = settings.serving.ingress.max_replicas > 1
        limiter = Limiter(
            SqlCounts(database_url(settings)) if several else None,
            clock=clock,
            sync_s=settings.access.sync_s,
            max_buckets=settings.access.max_subjects,
            told=counted,
        )
        keyring = Keyring.of(settings, clock)
        return cls(settings.access, keyring, limiter, secret=secret, counted=counted)

    async def identify(self, kind: Kind, key: str | None) -> Caller | Denied | None:
        """Return who calls; None is somebody without a key, where that is allowed."""
        needed = kind is Kind.COMPLETIONS or (kind is Kind.CLIENT and self.access.clients == "key")
        if key is None:
            return _no_key() if needed else None
        try:
            found = await self.keyring.find(key)
        except KeysAwayError as e:
            return (
                Denied(status=503, code="unavailable", detail=str(e), retry_after_s=1)
                if needed
                else None
            )
        if isinstance(found, Refusal):
            challenge = 'Bearer error="invalid_token"'
            return Denied(status=401, code="unauthorized", detail=found.value, challenge=challenge)
        return found

    async def admit(
        self, kind: Kind, caller: Caller | None, address: str | None
    ) -> Sequence[Admitted | Refused]:
        """Count a request by its key, or by its address where it has none; the last decision may be a refusal."""
        if caller is not None:
            if caller.role is Role.ADMIN:
                return ()
            name = "key_completions" if kind is Kind.COMPLETIONS else "key_requests"
            return await self._take(name, caller.key_id)
        if address is None:
            return ()
        hashed = blake2b(address.encode(), key=self._secret[:64], digest_size=12).hexdigest()
        return await self._take("address_requests", hashed)

    async def admit_user(
        self, quota: str, user: str, caller: Caller | None
    ) -> Sequence[Admitted | Refused]:
        """Count a request by its user's pseudonym under one of `USER_QUOTAS`."""
        if caller is not None and caller.role is Role.ADMIN:
            return ()
        return await self._take(quota, user)

    async def _take(self, name: str, subject: str) -> Sequence[Admitted | Refused]:
        quota = self._quotas.get(name)
        if quota is None:
            return ()
        decision = await self._limiter.take(quota, subject)
        if isinstance(decision, Refused):
            self._counted(f"limit_{name}")
        return (decision,)


def _no_key() -> Denied:
    return Denied(
        status=401,
        code="unauthorized",
        detail="send `Authorization: Bearer KEY`; `naviyam keys create` makes keys",
        challenge="Bearer",
    )
