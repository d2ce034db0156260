"""Errors as RFC 9457 problem JSON with a stable `code`. Never a stack trace, never what was said."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cluster.telemetry.request import request_id
from naviyam.errors import (
    ConflictError,
    DeadlineError,
    InputError,
    NaviyamError,
    NotFoundError,
    OverloadedError,
    StaleVersionError,
    why,
)

_logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_CODE_OF_STATUS: Mapping[int, str] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_input",
}
_OF_ERROR: tuple[tuple[type[NaviyamError], int, str], ...] = (
    (InputError, 422, "invalid_input"),
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (OverloadedError, 503, "overloaded"),
    (DeadlineError, 503, "timeout"),
    (StaleVersionError, 503, "updating"),
)


def problem(
    status: int, code: str, detail: str, *, retry_after_s: float | None = None, **more: Any
) -> JSONResponse:
    """Return a problem response; `Retry-After` in whole seconds where one is due."""
    headers = None if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    body = {
        "type": f"https://naviyam.example/problems/{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
        **({"request_id": named} if (named := request_id()) else {}),
        **more,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI, *, retry_after_s: float) -> None:
    """Answer every error of `app` as a problem."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if any(e["type"] == "json_invalid" for e in found):
            return problem(422, "invalid_json", "the body is not JSON", errors=[])
        errors = [{"field": _field(e["loc"]), "message": _message(e)} for e in found]
        first = errors[0]
        detail = f"{first['field']}: {first['message']}"
        return problem(422, "invalid_input", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODE_OF_STATUS.get(error.status_code, f"http_{error.status_code}")
        response = problem(error.status_code, code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(NaviyamError)
    async def ours(request: Request, error: NaviyamError) -> JSONResponse:
        for kind, status, code in _OF_ERROR:
            if isinstance(error, kind):
                wait = getattr(error, "retry_after_s", retry_after_s) if status == 503 else None
                field = getattr(error, "field", "")
                errors = [{"field": field, "message": str(error)}] if field else []
                return problem(status, code, str(error), retry_after_s=wait, errors=errors)
        _logger.error("%s %s: %s", request.method, _route(request), why(error))
        return problem(
            503, "unavailable", "a part is not there; try again", retry_after_s=retry_after_s
        )

    @app.exception_handler(Exception)
    async def other(request: Request, error: Exception) -> JSONResponse:
        _logger.error("%s %s failed", request.method, _route(request), exc_info=error)
        return problem(500, "internal", "something went wrong here; it was written to the log")


def _route(request: Request) -> str:
    """Return the template of the path: the path itself may name a user."""
    return getattr(request.scope.get("route"), "path", "unmatched")


def _field(location: tuple[Any, ...]) -> str:
    parts = [str(p) for p in location if p not in ("body", "path", "query")]
    return ".".join(parts) or "body"


def _message(error: Mapping[str, Any]) -> str:
    """Return pydantic's words without the value that was sent."""
    text = str(error["msg"])
    return text.removeprefix("Value error, ")
