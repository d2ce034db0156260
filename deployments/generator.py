"""The ports to the language model: over a Serve handle, or straight to an engine in this process.

Both stream text, cancel when the iterator is closed, and raise the project's errors only, so that the
writer and the understanding can fall back.
"""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol, TypeVar

from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from cluster.telemetry.request import carrier
from cluster.telemetry.tracer import NO_TRACER, Tracer
from naviyam.errors import NaviyamError, OverloadedError
from naviyam.nlg.generator import ServedBy
from naviyam.nlu.llm import schema
from naviyam.settings import Nlu

_T = TypeVar("_T")
_INTENT_TOKENS = 24
_FILTERS_TOKENS = 96
"""Tokens of the longest answer, in the packaged base's small vocabulary."""


class ModelDownError(NaviyamError, RuntimeError):
    """No replica of the language model could answer; one is restarted meanwhile."""


class TextEngine(Protocol):
    """What `EngineGenerator` needs of an engine."""

    def generate(
        self,
        prompt: str,
        *,
        adapter: str | None = None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str, None]: ...


class EngineGenerator:
    """Generates with an engine that lives in this process and event loop."""

    def __init__(self, engine: TextEngine) -> None:
        self._engine = engine

    def stream(
        self,
        prompt: str,
        *,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the text; see `LLMEngine.generate` for the errors."""
        return self._engine.generate(
            prompt, adapter=adapter, request_id=request_id, overrides=overrides
        )


class HandleGenerator:
    """Generates with the LLM deployment behind a Serve handle."""

    def __init__(
        self, handle: DeploymentHandle, *, retry_after_s: float = 2.0, tracer: Tracer = NO_TRACER
    ) -> None:
        self._handle = handle.options(method_name="stream", stream=True)
        self._retry_after_s = retry_after_s
        self._tracer = tracer

    async def stream(
        self,
        prompt: str,
        *,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | ServedBy, None]:
        """Yield who writes, then the text; closing the iterator cancels the request in the engine.

        Raises:
            OverloadedError: every replica's queue is full.
            ModelDownError: the replica died or was not reachable.
            NaviyamError: what the engine itself raised, unchanged.
        """
        attributes = {"naviyam.adapter": adapter or "champion"}
        with self._tracer.client("generate", attributes) as parent:
            response = self._handle.remote(prompt, adapter, request_id, overrides, carrier(parent))
            pieces: AsyncGenerator[str | ServedBy, None] = relayed(
                response, request_id, retry_after_s=self._retry_after_s
            )
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece


async def relayed(
    response: "DeploymentResponseGenerator[_T]", request_id: str, *, retry_after_s: float
) -> AsyncGenerator[_T, None]:
    """Yield what a replica streams; closing it cancels the request there. Raises as `HandleGenerator.stream`."""
    finished = False
    try:
        async for piece in response:
            yield piece
        finished = True
    except BackPressureError as e:
        raise OverloadedError(
            f"the language model's queue is full: {e}", retry_after_s=retry_after_s
        ) from e
    except NaviyamError as e:
        finished = True
        raise _unwrapped(e) from e
    except (RayError, RayServeException) as e:
        raise ModelDownError(
            f"the language model did not answer request {request_id}: {type(e).__name__}"
        ) from e
    finally:
        if not finished:
            with contextlib.suppress(RayError, RayServeException):
                response.cancel()


class TextStream(Protocol):
    """What `GeneratedReader` needs: one of the generators above."""

    def stream(
        self,
        prompt: str,
        *,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | ServedBy, None]: ...


class GeneratedReader:
    """Reads messages with the `nlu` adapter: greedy, against the schema, no longer than an answer can be."""

    def __init__(self, generator: TextStream, settings: Nlu) -> None:
        self._generator = generator
        self._adapter = settings.llm_adapter
        self._overrides = {
            "temperature": 0.0,
            "max_tokens": _FILTERS_TOKENS if settings.llm_filters else _INTENT_TOKENS,
            "json_schema": schema(filters=settings.llm_filters),
        }

    async def read(self, prompt: str, *, request_id: str) -> str:
        """Return the JSON; being cancelled cancels the request in the engine."""
        pieces = self._generator.stream(
            prompt, adapter=self._adapter, request_id=request_id, overrides=self._overrides
        )
        async with contextlib.aclosing(pieces):
            return "".join([piece async for piece in pieces if isinstance(piece, str)])


def _unwrapped(error: NaviyamError) -> NaviyamError:
    """Return what the replica raised: Ray hands over a subclass that carries the remote stack trace."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, NaviyamError) else error
