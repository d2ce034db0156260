"""`Completions` over the handle of the LLM deployment."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.completions.port import Completion, Model, Piece
from deployments.generator import ModelDownError, relayed
from deployments.handles import call


@dataclass(frozen=True, slots=True)
class HandleCompletions:
    """Writes for other teams on the replicas of the language model."""

    handle: DeploymentHandle[Any]
    retry_after_s: float = 2.0

    async def models(self) -> tuple[Model, ...]:
        try:
            found: tuple[Model, ...] = await call(self.handle.guest_models.remote(), "models")
        except (RayError, RayServeException) as e:
            raise ModelDownError(f"the language model does not answer: {type(e).__name__}") from e
        return found

    async def complete(
        self, completion: Completion, *, request_id: str
    ) -> AsyncGenerator[Piece, None]:
        stream = self.handle.options(method_name="complete", stream=True)
        response = stream.remote(completion, request_id)
        pieces: AsyncGenerator[Piece, None] = relayed(
            response, request_id, retry_after_s=self.retry_after_s
        )
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece
