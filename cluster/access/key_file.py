"""The first admin key, in a file that only its owner reads: the machine's own programs call with it."""

import secrets
from pathlib import Path

from cluster.access.keys import new_secret
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
        beside.write_text(new_secret() + "\n", encoding="ascii")
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


def own_credentials(settings: Settings) -> dict[str, str]:
    """Return the header with which this machine's programs call its service; none where the file is not theirs to read."""
    try:
        key = key_path(settings).read_text(encoding="utf-8").strip()
    except OSError:
        return {}
    return {"Authorization": f"Bearer {key}"} if key else {}
