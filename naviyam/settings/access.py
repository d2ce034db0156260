"""Who may call, how often, from which web pages, and what other teams get of the language model."""

from ipaddress import ip_network
from typing import Literal

from pydantic import Field, field_validator

from naviyam.settings.section import Section


class Rate(Section):
    """A quota: `requests` within `window_s`, all at once if need be, then one every `window_s / requests` (GCRA)."""

    requests: int = Field(ge=0)
    """0 sets no limit."""

    window_s: float = Field(60.0, gt=0)
    """Span that `requests` are counted over."""


class Access(Section):
    """Keys, rate limits, CORS and security headers. An admin key is never limited: `naviyam` itself calls with it."""

    clients: Literal["open", "key"] = "open"
    """`key`: every route but /healthz, /readyz, /docs and the pages needs an API key. /admin and /v1 always need one."""

    key_refresh_s: float = Field(5.0, gt=0)
    """How long a replica answers from the keys it has read: a revoked key works no longer than this."""

    limited: bool = True
    """False counts no requests."""

    user_chats: Rate = Rate(requests=20)
    """POST /chat, by user: a child types no faster."""

    user_searches: Rate = Rate(requests=60)
    """POST /recommendations and /understand, by user."""

    user_records: Rate = Rate(requests=120)
    """POST /feedback and GET, PUT, DELETE /users/{id}, by user."""

    key_requests: Rate = Rate(requests=6_000)
    """Everything but /v1, by key."""

    key_completions: Rate = Rate(requests=60)
    """/v1, by key."""

    address_requests: Rate = Rate(requests=3_000)
    """Everything, by address, of callers without a key. A school has one address; behind a proxy that does not say for whom
    it asks there is no address and no such limit."""

    trusted_proxies: tuple[str, ...] = (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
    """Networks whose X-Forwarded-For is believed. Serve's own proxy stands before every replica."""

    credit_share: float = Field(0.1, gt=0, le=1)
    """Share of a quota that each replica may give before it has told the others: N replicas together give at most
    `requests` + (N - 1) x this share of it."""

    sync_s: float = Field(0.5, gt=0)
    """How often a replica tells the others what it gave, where there are several (`serving.ingress.max_replicas`)."""

    max_subjects: int = Field(100_000, ge=100)
    """Users, keys and addresses that a replica keeps count of; the ones seen longest ago are forgotten first."""

    cors_origins: tuple[str, ...] = ()
    """Web pages of other origins that may call, such as `https://app.example`; `*` is any."""

    hsts_max_age_s: int = Field(0, ge=0)
    """Strict-Transport-Security; 0 sends none. Set it only where every way in is TLS."""

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError as e:
                raise ValueError(f"{each!r} is no network such as 10.0.0.0/8: {e}") from e
        return value


class Completions(Section):
    """/v1/chat/completions: the language model for other teams, beside the children, never before them."""

    enabled: bool = True
    """False refuses /v1."""

    max_running: int = Field(2, ge=1)
    """Generations at once in each replica of the language model; the places left of `llm.max_num_seqs` are the children's."""

    max_tokens: int = Field(512, ge=1)
    """Most tokens of one answer, and how many where the caller names no number."""

    max_messages: int = Field(64, ge=1)
    """Messages of one conversation."""

    timeout_s: float = Field(120.0, gt=0)
    """Longest time of one answer."""
