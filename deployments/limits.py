"""Bounds: how many requests are answered at once, and how large a body may be."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.access.refusals import refusal
from naviyam.errors import OverloadedError


class Gate:
    """Lets at most `limit` in at once; who comes too many is refused at once, not queued, and `refused` is told.

    `inside` is told how many are in, and the limit, whenever that changes.
    """

    def __init__(
        self,
        limit: int,
        *,
        retry_after_s: float,
        refused: Callable[[], None] = lambda: None,
        inside: Callable[[int, int], None] = lambda now, limit: None,
    ) -> None:
        self._limit = limit
        self._refused = refused
        self._told = inside
        self._retry_after_s = retry_after_s
        self._inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            OverloadedError: all places are taken.
        """
        if self._inside >= self._limit:
            self._refused()
            raise OverloadedError(
                f"{self._limit} requests are being answered; try again in {self._retry_after_s:g} s",
                retry_after_s=self._retry_after_s,
            )
        self._move(1)
        try:
            yield
        finally:
            self._move(-1)

    def _move(self, by: int) -> None:
        self._inside += by
        self._told(self._inside, self._limit)


class BodyLimit:
    """ASGI middleware that refuses bodies above `max_bytes` with 413, by their length header or while they arrive."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "DELETE", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        taken: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            taken.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > self._max_bytes:
                await self._refuse(scope, receive, send)
                return

        async def replay() -> Message:
            return taken.pop(0) if taken else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"the body is above {self._max_bytes} bytes; send less"
        response = refusal(scope["path"], 413, "too_large", detail)
        await response(scope, receive, send)
