"""Refusals before a route is reached: problems, below /v1 errors of OpenAI's shape."""

from fastapi.responses import JSONResponse

from deployments.access.paths import Kind, kind_of
from deployments.openai_errors import openai_error
from deployments.problems import problem


def refusal(
    path: str, status: int, code: str, detail: str, *, retry_after_s: float | None = None
) -> JSONResponse:
    """Return the answer in the form that the callers of `path` read."""
    shape = openai_error if kind_of(path) is Kind.COMPLETIONS else problem
    return shape(status, code, detail, retry_after_s=retry_after_s)
