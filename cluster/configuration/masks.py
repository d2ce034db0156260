"""What of a setting may be shown. Owns which values are secret; nothing here reads or writes."""

import re
from typing import Any
from urllib.parse import urlsplit

from naviyam.settings.keys import SettingKey

MASK = "***"
_SECRET_NAMES = re.compile(r"(^|_)(password|secret|token|key|keys|salt)$")
_WHOLE_URLS = frozenset({"monitoring.webhook"})
"""URLs whose path is what lets somebody in."""

_AFTER_EQUALS = re.compile(r"(?<==)[^&]*")


def masked(key: SettingKey, value: Any) -> Any:
    """Return a value without what would let somebody in: passwords in URLs, values of secret keys, a webhook's path."""
    return _masked(key.dotted, value)


def _masked(dotted: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(f"{dotted}.{name}", inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(dotted, inner) for inner in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_NAMES.search(dotted.rpartition(".")[2]):
        return MASK
    if "://" in value:
        return mask_url(value, whole=dotted in _WHOLE_URLS)
    return value


def mask_url(url: str, *, whole: bool = False) -> str:
    """Return a URL without its password and without the values behind `?`; with `whole` without its path too.

    >>> mask_url("postgresql+psycopg://me:pa@host:5432/naviyam")
    'postgresql+psycopg://me:***@host:5432/naviyam'
    >>> mask_url("https://hooks.example/T1/secret", whole=True)
    'https://hooks.example/***'
    >>> mask_url("s3://bucket/events?access_key=a&region=b")
    's3://bucket/events?access_key=***&region=***'
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:{MASK}"
    shown = url.replace(parts.netloc, f"{user}{at}{host}", 1) if at else url
    if whole and parts.path.strip("/"):
        return f"{shown.partition(parts.path)[0]}/{MASK}"
    if parts.query:
        shown = shown.replace(parts.query, _AFTER_EQUALS.sub(MASK, parts.query), 1)
    return shown
