"""ASGI around the whole application: request id, trace, access line and HTTP metrics of every request. No Ray.

A request is named by its route's template only: paths and query strings may hold ids of persons.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.telemetry.request import Request, chosen_id, working_for
from cluster.telemetry.tracer import Tracer, Value
from naviyam.clock import Clock

HEADER = "X-Request-Id"
UNMATCHED = "unmatched"
_GONE = 499
_QUIET = frozenset(("/healthz", "/readyz"))
"""Asked every few seconds by machines: their lines are for level DEBUG."""

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_access = logging.getLogger("deployments.access")


class AbortedError(RuntimeError):
    """An answer broke off; the log holds where. It stands for an error whose words nobody should see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """What is told of requests. `echoes`: whether the id is put into the answer here, or outside by Serve."""

    tracer: Tracer
    clock: Clock
    http: Callable[[str, str, int, float], None]
    echoes: bool = True


class ObservedApp(FastAPI):
    """A FastAPI whose every answer, errors included, passes `Observed`."""

    def __init__(self, observer: Observer, **options: Any) -> None:
        super().__init__(**options)
        self._observer = observer

    def build_middleware_stack(self) -> ASGIApp:
        return Observed(super().build_middleware_stack(), self._observer)


class Observed:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tracer, headers = self._observer.tracer, Headers(scope=scope)
        given = headers.get(HEADER)
        request = Request(request_id=chosen_id(given), parent=tracer.parent)
        echoes = self._observer.echoes or given != request.request_id
        answer = _Answer(send, request.request_id if echoes else "")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        with (
            working_for(request),
            tracer.server(method, headers.get("traceparent", ""), {"http.request.method": method}),
        ):
            request.trace_id = tracer.trace_id()
            began_s = self._observer.clock.monotonic_s()
            try:
                await self._app(scope, receive, answer)
            except Exception as e:
                tracer.error(e)
                if not answer.whole:
                    raise AbortedError(f"{type(e).__name__} while answering") from None
            finally:
                seconds = self._observer.clock.monotonic_s() - began_s
                self._tell(scope, method, answer.status, seconds)

    def _tell(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        self._observer.http(route, method, status, seconds)
        self._observer.tracer.note(
            f"{method} {route}", {"http.route": route, "http.response.status_code": status}
        )
        duration_ms = round(seconds * 1_000, 1)
        _access.log(
            logging.DEBUG if route in _QUIET else logging.INFO,
            "%s %s %d %.1f ms",
            method,
            route,
            status,
            duration_ms,
            extra={
                "route": route,
                "method": method,
                "status": status,
                "duration_ms": duration_ms,
            },
        )


def attributes_of(metadata: Mapping[str, Any]) -> dict[str, Value]:
    """Return what a trace tells of an answer: kinds, names and numbers, nothing that was said."""
    told: dict[str, Value] = {
        "naviyam.intent": str(metadata.get("intent", "none")),
        "naviyam.written_by": str(metadata.get("written_by", "none")),
        "naviyam.degraded_reason": str(metadata.get("degraded_reason") or "none"),
        "naviyam.candidates": int(metadata.get("candidates", 0)),
    }
    for layer, arm in metadata.get("experiments", {}).items():
        told[f"naviyam.arm.{layer}"] = str(arm["arm"])
    return told


class _Answer:
    """Passes an answer on with its request's id, and remembers how it went; 499 until it begins."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = _GONE
        self.whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._request_id:
                MutableHeaders(scope=message)[HEADER] = self._request_id
        await self._send(message)
        if message["type"] == "http.response.body":
            self.whole = not message.get("more_body", False)
