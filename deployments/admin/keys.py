"""Who may call /admin: one bearer key in a file that only its owner reads."""

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

from fastapi import Request
from starlette.exceptions import HTTPException

from naviyam.errors import ConfigError
from naviyam.settings import Settings

_LEAST_CHARS = 16


def key_path(settings: Settings) -> Path:
    """Return the file of the key."""
    named = settings.admin.key_file
    return Path(named).expanduser() if named else settings.paths.state / "secrets" / "admin.key"


def load_or_create_admin_key(settings: Settings) -> str:
    """Return the key; make one (mode 0600) where there is none. Idempotent among processes.

    Raises:
        ConfigError: the file holds no key.
    """
    path = key_path(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
        try:
            path.hardlink_to(beside)  # fails if another process was first: theirs is used
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    key = path.read_text(encoding="utf-8").strip()
    if len(key) < _LEAST_CHARS:
        raise ConfigError(
            f"{path} holds {len(key)} characters, an admin key has at least {_LEAST_CHARS}; "
            "remove it to have one made, or see admin.key_file"
        )
    return key


def require_key(key: str) -> Callable[[Request], None]:
    """Return a dependency that lets only callers with the key in."""
    expected = key.encode()

    def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise HTTPException(
                401,
                "send `Authorization: Bearer KEY`; the key is in the file of admin.key_file",
                {"WWW-Authenticate": "Bearer"},
            )
        if not hmac.compare_digest(given.strip().encode(), expected):
            raise HTTPException(403, "this key may not call /admin")

    return check
