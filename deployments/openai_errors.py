"""Errors in the shape that OpenAI's clients read: `{"error": {message, type, param, code}}`."""

from collections.abc import Mapping

from fastapi.responses import JSONResponse

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_CODES: Mapping[str, str] = {
    "unauthorized": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
}
"""Codes of the service that OpenAI's clients know by another name."""


def openai_error(
    status: int,
    code: str,
    message: str,
    *,
    retry_after_s: float | None = None,
    param: str | None = None,
) -> JSONResponse:
    """Return an error; `Retry-After` in whole seconds where one is due."""
    headers = None if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    return JSONResponse(error_body(status, code, message, param=param), status, headers)


def error_body(
    status: int, code: str, message: str, *, param: str | None = None
) -> dict[str, object]:
    """Return the document, as it also ends a stream that broke."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {
        "error": {
            "message": message,
            "type": kind,
            "param": param,
            "code": _CODES.get(code, code),
        }
    }
