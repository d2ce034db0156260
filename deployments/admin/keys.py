"""Who may call a route: a dependency over the keyring. `request.state.caller` then says who it is."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.exceptions import HTTPException

from cluster.access.key_file import key_path, load_or_create_admin_key
from cluster.access.keys import Refusal, Role
from deployments.access.keyring import Caller, Keyring, bearer_of

__all__ = ["Caller", "caller_of", "key_path", "load_or_create_admin_key", "require_key"]


def require_key(
    keyring: Keyring, role: Role = Role.ADMIN
) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that lets only callers with a key of the role in, and gives the caller."""

    async def check(request: Request) -> Caller:
        given = bearer_of(request.headers.get("authorization", ""))
        if given is None:
            raise HTTPException(
                401,
                "send `Authorization: Bearer KEY`; `naviyam keys create` makes keys, "
                "the first is in the file of admin.key_file",
                {"WWW-Authenticate": "Bearer"},
            )
        caller = await keyring.find(given)
        if isinstance(caller, Refusal):
            raise HTTPException(
                401, caller.value, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        if role is Role.ADMIN and caller.role is not Role.ADMIN:
            raise HTTPException(403, f"the key {caller.name!r} is of a {caller.role.value}")
        request.state.caller = caller
        return caller

    return check


def caller_of(request: Request) -> Caller:
    """Return who calls a route behind `require_key`."""
    caller: Caller = request.state.caller
    return caller
