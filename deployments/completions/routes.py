"""/v1: OpenAI's chat completions and models over a `Completions` port. Errors have OpenAI's shape.

What is asked and answered here is for other teams. It is not screened, masked, logged or learned from, and it is no child's:
whoever shows it to children screens it. A key and limits of its own stand before it (`deployments.access`).
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from deployments.completions.port import Completion, Completions, Piece, find_model
from deployments.completions.protocol import (
    UnknownError,
    UnsupportedError,
    answer_document,
    chunk_document,
    completion_of,
    model_document,
    parse,
    request_schema,
    usage_document,
)
from deployments.gone import GONE, ClientGoneError, unless_gone
from deployments.openai_errors import error_body, openai_error
from naviyam.clock import Clock
from naviyam.errors import (
    DeadlineError,
    InputError,
    NaviyamError,
    NotFoundError,
    OverloadedError,
)
from naviyam.settings import Settings

_logger = logging.getLogger(__name__)
_REQUEST_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": request_schema()}},
    }
}
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class OpenAIRoute(APIRoute):
    """A route whose errors OpenAI's clients understand."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except ClientGoneError:
                return Response(status_code=GONE)
            except HTTPException as e:
                return openai_error(e.status_code, "invalid_request", str(e.detail))
            except Exception as e:
                return error_of(e)

        return handled


def completion_routes(port: Completions | None, settings: Settings, clock: Clock) -> APIRouter:
    """Return the routes; without a port they say that there is no language model."""
    router = APIRouter(prefix="/v1", tags=["completions"], route_class=OpenAIRoute)
    limits = settings.completions
    model = port if limits.enabled else None

    @router.get("/models")
    async def models() -> JSONResponse:
        """List what can be asked for: the base and the adapters that are loaded."""
        found = await _there(model).models()
        return JSONResponse({"object": "list", "data": [model_document(m) for m in found]})

    @router.get("/models/{name:path}")
    async def one(name: str) -> JSONResponse:
        """Return one model by its id or an alias."""
        return JSONResponse(model_document(find_model(await _there(model).models(), name)))

    @router.post("/chat/completions", openapi_extra=_REQUEST_SCHEMA)
    async def complete(request: Request) -> Response:
        """Write the next message of a conversation, whole or as a stream."""
        asked = parse(await _json(request), limits)
        completion = completion_of(asked, limits)
        answer = _Answer(_there(model), completion, clock, timeout_s=limits.timeout_s)
        if not asked.stream:
            return JSONResponse(await unless_gone(request, answer.whole()))
        await unless_gone(request, answer.begin())  # a refusal is a status, not a chunk
        chunks = answer.chunks(with_usage=asked.include_usage)
        return StreamingResponse(chunks, media_type="text/event-stream", headers=_STREAM_HEADERS)

    @router.api_route(
        "/{path:path}", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False
    )
    async def nothing(path: str) -> None:
        raise NotFoundError(
            f"no route /v1/{path[:100]}; there are /v1/models and /v1/chat/completions"
        )

    return router


class _Answer:
    """One answer while it is written."""

    def __init__(
        self, port: Completions, completion: Completion, clock: Clock, *, timeout_s: float
    ) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(clock.now().timestamp())
        self._pieces = port.complete(completion, request_id=self._id)
        self._timeout_s = timeout_s
        self._first: Piece | None = None

    async def whole(self) -> dict[str, Any]:
        """Return the document of the whole answer."""
        texts: list[str] = []
        last: Piece | None = None
        async with aclosing(self._timed()) as pieces:
            async for last in pieces:
                texts.append(last.text)
        if last is None:
            raise DeadlineError("the language model wrote nothing")
        return answer_document(self._id, self._created, "".join(texts), last)

    async def begin(self) -> None:
        """Wait for the first piece.

        Raises:
            NaviyamError: there will be none.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                self._first = await anext(self._pieces)
        except TimeoutError as e:
            await self._pieces.aclose()
            raise _late(self._timeout_s) from e
        except BaseException:
            await self._pieces.aclose()
            raise

    async def chunks(self, *, with_usage: bool) -> AsyncGenerator[str, None]:
        """Yield the stream's lines; an error ends it as a line of its own."""
        assert self._first is not None
        model, last = self._first.model, self._first

        def chunk(delta: dict[str, Any] | None, **more: Any) -> str:
            return _line(
                chunk_document(
                    self._id, self._created, model, delta=delta, with_usage=with_usage, **more
                )
            )

        try:
            async with aclosing(self._timed()) as pieces:
                yield chunk({"role": "assistant", "content": ""})
                async for last in pieces:
                    if last.text:
                        yield chunk({"content": last.text})
            yield chunk({}, finish=last.finish)
            if with_usage:
                yield chunk(None, usage=usage_document(last))
            yield "data: [DONE]\n\n"
        except Exception as e:
            yield _line(json.loads(bytes(error_of(e).body)))

    async def _timed(self) -> AsyncGenerator[Piece, None]:
        """Yield the pieces from the first on, for `timeout_s` at most."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._timeout_s
        async with aclosing(self._pieces):
            if self._first is not None:
                yield self._first
            while True:
                try:
                    async with asyncio.timeout_at(until_s):
                        piece = await anext(self._pieces)
                except StopAsyncIteration:
                    return
                except TimeoutError as e:
                    raise _late(self._timeout_s) from e
                yield piece


def error_of(error: Exception) -> JSONResponse:
    """Return an error as OpenAI's clients read it. Never a stack trace."""
    match error:
        case UnsupportedError():
            return openai_error(400, "unsupported_parameter", str(error), param=error.field)
        case UnknownError():
            return openai_error(400, "unknown_parameter", str(error), param=error.field)
        case InputError():
            return openai_error(400, "invalid_value", str(error), param=error.field or None)
        case NotFoundError():
            return openai_error(404, "model_not_found", str(error), param="model")
        case OverloadedError():
            wait_s = error.retry_after_s
            return openai_error(503, "overloaded", str(error), retry_after_s=wait_s)
        case DeadlineError():
            return openai_error(503, "timeout", str(error), retry_after_s=1)
        case NaviyamError():
            _logger.error("completions: %s", error)
            return openai_error(
                503, "unavailable", "the language model is not there; try again", retry_after_s=2
            )
    _logger.error("completions failed", exc_info=error)
    return JSONResponse(error_body(500, "internal", "something went wrong here"), 500)


def _there(port: Completions | None) -> Completions:
    if port is None:
        raise NotFoundError("no language model is served here (llm.enabled, completions.enabled)")
    return port


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as e:
        raise InputError("the body is not JSON") from e


def _late(timeout_s: float) -> DeadlineError:
    return DeadlineError(f"the answer took more than {timeout_s:g} s (completions.timeout_s)")


def _line(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"
