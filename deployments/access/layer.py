"""The access layer: one ASGI middleware around every route, and the user's limit that routes ask for themselves.

It wraps `send` and nothing else, so a streamed answer streams. Refusals are problems, below /v1 errors of OpenAI's shape.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.access.limits import Admitted, Refused
from deployments.access.address import Addresses
from deployments.access.desk import Denied, Desk, RateLimitedError, explain
from deployments.access.headers import limit_headers, security_headers, whole_seconds
from deployments.access.keyring import Caller, bearer_of
from deployments.access.paths import Kind, kind_of
from deployments.access.refusals import refusal

Admit = Callable[[Request, str, str | None], Awaitable[str]]
Handler = Callable[[Request, Exception], Awaitable[Response]]
_DECISIONS = "limits"
_CALLER = "caller"
_EXPOSED = ("RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id")
_CORS_MAX_AGE_S = 600


def install(app: FastAPI, desk: Desk) -> None:
    """Put the layer around an application; call it after every other middleware was added."""
    app.add_middleware(AccessLayer, desk=desk)
    if desk.access.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=desk.access.cors_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-Request-Id", "traceparent"),
            expose_headers=_EXPOSED,
            max_age=_CORS_MAX_AGE_S,
        )

    @app.exception_handler(RateLimitedError)
    async def limited(request: Request, error: RateLimitedError) -> JSONResponse:
        return _refusal(request.url.path, _limited(error.refused))

    broken = app.exception_handlers.get(Exception)
    if broken is not None:
        app.add_exception_handler(Exception, _dressed(broken, desk))


class AccessLayer:
    """Identifies the caller, counts the request, and adds headers to whatever is answered."""

    def __init__(self, app: ASGIApp, *, desk: Desk) -> None:
        self._app = app
        self._desk = desk
        self._addresses = Addresses(desk.access.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, kind = scope["path"], kind_of(scope["path"])
        decisions: list[Admitted | Refused] = []
        # A state of this request alone, whatever the server shares between requests.
        # Into the same scope: what stands around this layer reads the route from it afterwards.
        scope["state"] = {**scope.get("state", {}), _DECISIONS: decisions, _CALLER: None}
        headers = dict(scope["headers"])
        secure = "https" in (scope.get("scheme"), _text(headers, b"x-forwarded-proto"))

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message.get("headers", ()))
                more = security_headers(sent, path, self._desk.access, secure=secure)
                message = {**message, "headers": [*sent, *more, *limit_headers(decisions)]}
            await send(message)

        denied = None if kind is Kind.PROBE else await self._enter(scope, kind, headers, decisions)
        if denied is None:
            await self._app(scope, receive, dressed)
        else:
            await _refusal(path, denied)(scope, receive, dressed)

    async def _enter(
        self,
        scope: Scope,
        kind: Kind,
        headers: dict[bytes, bytes],
        decisions: list[Admitted | Refused],
    ) -> Denied | None:
        """Return why a request does not come in; what is known of it is left in its state."""
        caller = await self._desk.identify(kind, bearer_of(_text(headers, b"authorization")))
        if isinstance(caller, Denied):
            return caller
        scope["state"][_CALLER] = caller
        address = None
        if caller is None:
            peer = scope.get("client")
            lines = [v for name, v in scope["headers"] if name == b"x-forwarded-for"]
            forwarded = b",".join(lines).decode("latin-1")
            address = self._addresses.caller(peer[0] if peer else None, forwarded)
        decisions.extend(await self._desk.admit(kind, caller, address))
        last = decisions[-1] if decisions else None
        return _limited(last) if isinstance(last, Refused) else None


def user_gate(desk: Desk, pseudonym: Callable[[str, str], str]) -> Admit:
    """Return what a route asks before it serves a user; `pseudonym` takes an id and its space."""

    async def admit(request: Request, quota: str, user_id: str | None) -> str:
        """Count a request by its user, none where it names nobody; return in which space the id is a name.

        Raises:
            RateLimitedError: the user's quota is used up.
        """
        caller: Caller | None = getattr(request.state, _CALLER, None)
        space = "" if caller is None else caller.users
        if user_id is None:
            return space
        decisions = await desk.admit_user(quota, pseudonym(user_id, space), caller)
        getattr(request.state, _DECISIONS, []).extend(decisions)
        for each in decisions:
            if isinstance(each, Refused):
                raise RateLimitedError(each)
        return space

    return admit


def _dressed(handler: Callable[[Request, Exception], Any], desk: Desk) -> Handler:
    """Return a handler of unforeseen errors, which Starlette answers outside every middleware, with the layer's headers."""

    async def handle(request: Request, error: Exception) -> Response:
        response: Response = await handler(request, error)
        secure = request.url.scheme == "https"
        path, sent = request.url.path, response.raw_headers
        response.raw_headers.extend(security_headers(sent, path, desk.access, secure=secure))
        return response

    return handle


def _limited(refused: Refused) -> Denied:
    wait_s = whole_seconds(refused.retry_after_s)
    return Denied(status=429, code="rate_limited", detail=explain(refused), retry_after_s=wait_s)


def _refusal(path: str, denied: Denied) -> JSONResponse:
    response = refusal(
        path, denied.status, denied.code, denied.detail, retry_after_s=denied.retry_after_s
    )
    if denied.challenge:
        response.headers["WWW-Authenticate"] = denied.challenge
    return response


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
