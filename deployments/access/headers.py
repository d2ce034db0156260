"""Headers that answers carry: security, caching, and what is left of the quotas (draft-ietf-httpapi-ratelimit-headers-11). No I/O."""

from collections.abc import Sequence

from cluster.access.limits import US, Admitted, Quota, Refused
from deployments.access.paths import is_personal
from naviyam.settings import Access

Header = tuple[bytes, bytes]

_DOCUMENT_CSP = b"frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'"
"""For pages that bring no policy of their own; `/docs` loads its scripts from elsewhere."""

_DATA_CSP = b"default-src 'none'; frame-ancestors 'none'"
_LEAST_S = 1


def security_headers(
    sent: Sequence[Header], path: str, access: Access, *, secure: bool
) -> list[Header]:
    """Return what is to be added to an answer's headers; what it says of its own accord stays.

    Args:
        sent: the answer's own headers.
        path: the route.
        access: the settings.
        secure: the caller came over TLS.
    """
    held = {name.lower(): value for name, value in sent}
    html = held.get(b"content-type", b"").startswith(b"text/html")
    wanted: list[Header] = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", _DOCUMENT_CSP if html else _DATA_CSP),
    ]
    if is_personal(path):
        wanted.append((b"cache-control", b"no-store"))
    if access.hsts_max_age_s and secure:
        age = f"max-age={access.hsts_max_age_s}; includeSubDomains"
        wanted.append((b"strict-transport-security", age.encode()))
    return [(name, value) for name, value in wanted if name not in held]


def limit_headers(decisions: Sequence[Admitted | Refused]) -> list[Header]:
    """Return the RateLimit fields of the quotas that were asked.

    >>> quota = Quota(name="user_chats", requests=20, window_us=60 * US, credit=2)
    >>> for name, value in limit_headers([Admitted(quota=quota, tat_us=0, remaining=19, reset_s=2.1)]):
    ...     print(name.decode(), value.decode())
    ratelimit-policy "user_chats";q=20;w=60
    ratelimit "user_chats";r=19;t=3
    """
    if not decisions:
        return []
    policies = ", ".join(_policy(d.quota) for d in decisions)
    states = ", ".join(_state(d) for d in decisions)
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", states.encode())]


def whole_seconds(seconds: float) -> int:
    """Return seconds as the fields carry them: whole, not too early, at least one."""
    return max(_LEAST_S, -int(-seconds // 1))


def _policy(quota: Quota) -> str:
    return f'"{quota.name}";q={quota.requests};w={max(1, round(quota.window_us / US))}'


def _state(decision: Admitted | Refused) -> str:
    if isinstance(decision, Refused):
        return f'"{decision.quota.name}";r=0;t={whole_seconds(decision.retry_after_s)}'
    left = decision.remaining
    return f'"{decision.quota.name}";r={left};t={whole_seconds(decision.reset_s)}'
