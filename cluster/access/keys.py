"""API keys: what is kept of them, which of them may call, and a store in memory. No I/O.

A key is 256 random bits and is kept as its SHA-256. A slow hash (argon2, bcrypt) makes guessing dear where people choose
the secret; nobody guesses 256 bits, and a slow hash in front of every request would only invite a flood.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from naviyam.errors import ConflictError, InputError, NotFoundError

PREFIX = "nv_"
FILE_KEY = "admin.key"
"""Name of the key that lies in a file for the machine's own use."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    """What a key may do."""

    ADMIN = "admin"
    """Everything, without limits."""

    CLIENT = "client"
    """The routes of the service and /v1, not /admin."""


class Refusal(StrEnum):
    """Why a key may not call."""

    UNKNOWN = "this key is not known"
    EXPIRED = "this key has expired"
    REVOKED = "this key was revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key without its secret. `from_file`: it was read from `admin.key_file`."""

    id: str
    name: str
    role: Role
    digest: str
    created_at: datetime
    created_by: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
    from_file: bool = False
    users: str = ""
    """The space in which this key's user ids are names: keys of one space share their users, "" is everybody else's."""

    def refusal(self, now: datetime) -> Refusal | None:
        """Return why it may not call at `now`."""
        if self.revoked_at is not None:
            return Refusal.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return Refusal.EXPIRED
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return what may be shown, in JSON's types."""
        times = {
            name: value and value.isoformat()
            for name in ("created_at", "expires_at", "revoked_at")
            for value in (getattr(self, name),)
        }
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role.value,
            "users": self.users,
            "created_by": self.created_by,
            "revoked_by": self.revoked_by,
            **times,
        }


class KeyStore(Protocol):
    """Where keys are kept. Calls block."""

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, the oldest first."""
        ...

    def add(self, key: ApiKey) -> None:
        """Keep a new key.

        Raises:
            ConflictError: a key that is not revoked has its name.
        """
        ...

    def revoke(self, key: str, *, by: str, at: datetime) -> ApiKey:
        """End a key by its id, or by the name that a key still in force has. Idempotent by id.

        Raises:
            NotFoundError: there is none.
        """
        ...

    def adopt(self, secret: str, *, at: datetime) -> ApiKey:
        """Keep the key of the file; another content than before revokes the one before. Idempotent.

        What was revoked stays revoked: the file does not bring it back.
        """
        ...


def new_secret() -> str:
    """Return a new key's text."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a key's text."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_key(
    secret: str,
    *,
    name: str,
    role: Role,
    now: datetime,
    by: str,
    expires_at: datetime | None = None,
    from_file: bool = False,
    users: str = "",
) -> ApiKey:
    """Return the record of a new key.

    Raises:
        InputError: the name cannot be one, or it would expire before it is made.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} is no key name: 1 to 64 of A-Z a-z 0-9 . _ @ -", field="name"
        )
    if users and not _NAME.fullmatch(users):
        raise InputError(f"{users[:80]!r} is no name of a space of users", field="users")
    if expires_at is not None and expires_at <= now:
        raise InputError(f"a key cannot expire at {expires_at}, which is over", field="expires_at")
    return ApiKey(
        id=f"key_{secrets.token_hex(6)}",
        name=name,
        role=role,
        digest=digest_of(secret),
        created_at=now,
        created_by=by,
        expires_at=expires_at,
        from_file=from_file,
        users=users,
    )


def no_key(key: str) -> NotFoundError:
    """Return the error of a key that is not there."""
    return NotFoundError(f"no key {key!r} in force; `naviyam keys list` shows them")


def name_taken(name: str) -> ConflictError:
    """Return the error of a name in use."""
    return ConflictError(
        f"a key named {name!r} is in force; choose another name or `naviyam keys revoke {name}` first"
    )


class MemoryKeys:
    """`KeyStore` in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def all(self) -> tuple[ApiKey, ...]:
        return tuple(self._keys.values())

    def add(self, key: ApiKey) -> None:
        if key.name in self._in_force():
            raise name_taken(key.name)
        self._keys[key.id] = key

    def revoke(self, key: str, *, by: str, at: datetime) -> ApiKey:
        held = self._keys.get(key) or self._in_force().get(key)
        if held is None:
            raise no_key(key)
        if held.revoked_at is None:
            held = replace(held, revoked_at=at, revoked_by=by)
            self._keys[held.id] = held
        return held

    def adopt(self, secret: str, *, at: datetime) -> ApiKey:
        digest = digest_of(secret)
        for held in self._keys.values():
            if held.digest == digest:
                return held
        for held in self.all():
            if held.from_file and held.revoked_at is None:
                self.revoke(held.id, by="the key file was changed", at=at)
        made = file_key(secret, at)
        self.add(made)
        return made

    def _in_force(self) -> Mapping[str, ApiKey]:
        return {k.name: k for k in self._keys.values() if k.revoked_at is None}


def file_key(secret: str, at: datetime) -> ApiKey:
    """Return the record of the file's key."""
    return new_key(secret, name=FILE_KEY, role=Role.ADMIN, now=at, by="file", from_file=True)
