"""`naviyam keys`: who may call over HTTP. Reads and writes of the control plane's database."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.session import Session, table, who_am_i
from naviyam.errors import ConfigError

if TYPE_CHECKING:
    from cluster.access.keys import ApiKey, KeyStore

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
_COLUMNS = ("id", "name", "role", "users", "created", "by", "expires", "state")
_UNITS: Mapping[str, str] = {"d": "days", "h": "hours", "m": "minutes"}


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Who will use it; shown wherever it acts.", metavar="NAME")
    ],
    role: Annotated[str, typer.Option(help="client or admin.", metavar="ROLE")] = "client",
    users: Annotated[
        str,
        typer.Option(
            help="Give its user ids a space of their own: keys of one space share users, and reach no others.",
            metavar="SPACE",
        ),
    ] = "",
    expires: Annotated[
        str, typer.Option(help="Life, such as 90d, 12h or 30m; without it none.", metavar="TIME")
    ] = "",
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    from cluster.access.keys import Role, new_key, new_secret
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    if role not in tuple(Role):
        raise ConfigError(f"--role is {role!r}; it is client or admin")
    now, secret = SystemClock().now(), new_secret()
    until = now + life(expires) if expires else None
    key = new_key(
        secret, name=name, role=Role(role), now=now, by=who_am_i(), expires_at=until, users=users
    )
    _store(session).add(key)
    session.say("keep it now: it is not shown again")
    session.answer(
        {**key.to_dict(), "key": secret},
        table("", ("what", "value"), [*key.to_dict().items(), ("key", secret)]),
    )


@app.command("list")
def list_keys(ctx: typer.Context) -> None:
    """Show every key without its secret."""
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    now = SystemClock().now()
    keys = _store(session).all()
    document = {"keys": [{**k.to_dict(), "state": _state(k, now)} for k in keys]}
    session.answer(document, table("keys", _COLUMNS, [_row(k, now) for k in keys]))


@app.command()
def revoke(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="Id, or the name of a key in force.", metavar="KEY")],
) -> None:
    """End a key; every replica refuses it within access.key_refresh_s."""
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    now = SystemClock().now()
    ended = _store(session).revoke(key, by=who_am_i(), at=now)
    session.answer(
        {**ended.to_dict(), "state": _state(ended, now)},
        table("revoked", _COLUMNS, [_row(ended, now)]),
    )


def life(text: str) -> timedelta:
    """Read a length of time.

    >>> life("90d"), life("12h")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=43200))

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dhm])", text)
    if found is None:
        raise ConfigError(f"--expires is {text!r}; write a time such as 90d, 12h or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _store(session: Session) -> "KeyStore":
    from cluster.access.sql_store import SqlKeys
    from cluster.database import database_url

    return SqlKeys(database_url(session.settings))


def _state(key: "ApiKey", now: datetime) -> str:
    why = key.refusal(now)
    return "in force" if why is None else why.name.lower()


def _row(key: "ApiKey", now: datetime) -> tuple[object, ...]:
    expires = key.expires_at and key.expires_at.isoformat(timespec="seconds")
    created = key.created_at.isoformat(timespec="seconds")
    users = key.users or "shared"
    return (
        key.id,
        key.name,
        key.role.value,
        users,
        created,
        key.created_by,
        expires,
        _state(key, now),
    )
