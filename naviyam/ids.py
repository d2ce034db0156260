"""Identities. User ids become keyed pseudonyms before anything is written (spec 6)."""

import re
import secrets
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from naviyam.errors import InputError

ID_PATTERN = re.compile(r"[A-Za-z0-9._:@-]{1,128}")


def check_id(value: str, *, field: str) -> str:
    """Return `value` if it is safe as an id (and so as part of a file name), else raise `InputError`."""
    if not ID_PATTERN.fullmatch(value) or value.startswith("."):
        raise InputError(
            f"{field} {value[:40]!r} is not an id: use 1 to 128 of A-Z a-z 0-9 . _ : @ - ",
            field=field,
        )
    return value


def pseudonym(user_id: str, *, key: bytes, space: str = "") -> str:
    """Return the keyed hash under which a user is stored: `u_` and 24 hex digits.

    The same id in another space is another user; no id holds the line break that parts the two.
    """
    named = f"{space}\n{user_id}" if space else user_id
    return "u_" + blake2b(named.encode(), key=key[:64], digest_size=12).hexdigest()


def load_or_create_key(path: Path) -> bytes:
    """Return the 32-byte pseudonym key in `path`; make it (mode 0600) where there is none. Idempotent."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_bytes(secrets.token_bytes(32))
        try:
            path.hardlink_to(temporary)  # fails if another process was first: theirs is used
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()


def new_id(prefix: str, now: datetime) -> str:
    """Return a fresh id that sorts by time: prefix, milliseconds in hex, 64 random bits."""
    return f"{prefix}_{int(now.timestamp() * 1000):011x}{secrets.token_hex(8)}"
