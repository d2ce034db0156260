"""Ports over Serve handles: ids and small arrays go over, every call has a deadline, a cancelled one is cancelled there.

Context variables do not cross processes, so the request's ids go along as an argument.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from cluster.telemetry.request import carrier
from deployments.traffic import PREPARE_S
from naviyam.errors import ArtifactError, DeadlineError, OverloadedError
from naviyam.search import Funnelled, Ranked, RankRequest, Retrieved, SearchRequest

STAGE_TIMEOUT_S = 2.0
_PROBE_TIMEOUT_S = 1.0
_RETRY_AFTER_S = 1.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class HandleRetriever:
    """5A and 5B of the `Retriever` deployment."""

    handle: DeploymentHandle[Any]

    async def retrieve(self, request: SearchRequest) -> Retrieved:
        found: Retrieved = await call(self.handle.retrieve.remote(request, carrier()), "retrieve")
        return found

    async def explain_nothing(self, request: SearchRequest) -> tuple[str, ...]:
        why: tuple[str, ...] = await call(
            self.handle.explain_nothing.remote(request, carrier()), "explain_nothing"
        )
        return why

    async def gather(self, request: SearchRequest) -> Funnelled:
        found: Funnelled = await call(self.handle.gather.remote(request, carrier()), "funnels")
        return found


@dataclass(frozen=True, slots=True)
class HandleRanker:
    """Stage 6 of the `Ranker` deployment."""

    handle: DeploymentHandle[Any]

    async def rank(self, request: RankRequest, *, top_k: int) -> Ranked:
        ranked: Ranked = await call(self.handle.rank.remote(request, top_k, carrier()), "rank")
        return ranked

    async def prepare(self, version: str) -> None:
        """Return when a replica has loaded a version; the others load it at their first request for it."""
        await call(self.handle.prepare.remote(version), "prepare", timeout_s=PREPARE_S)


async def call(
    response: DeploymentResponse[Any], name: str, *, timeout_s: float = STAGE_TIMEOUT_S
) -> Any:
    """Await a response.

    Raises:
        DeadlineError: it took longer than `timeout_s`.
        OverloadedError: the deployment's queue is full.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError as e:
        response.cancel()
        raise DeadlineError(f"{name} took more than {timeout_s:g} s") from e
    except asyncio.CancelledError:
        response.cancel()
        raise
    except BackPressureError as e:
        raise OverloadedError(f"the queue of {name} is full", retry_after_s=_RETRY_AFTER_S) from e


@dataclass(frozen=True, slots=True)
class ServingAdapter:
    """What the language model writes with now, as one of its replicas says; `unknown` where none answers soon."""

    handle: DeploymentHandle[Any]

    async def __call__(self) -> str:
        try:
            adapter: str = await call(
                self.handle.adapter.remote(), "adapter", timeout_s=_PROBE_TIMEOUT_S
            )
        except Exception:  # whatever it is, nobody can say
            return "unknown"
        return adapter


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """Waits until the language model holds a version of the adapter `name`, as one of its replicas says."""

    handle: DeploymentHandle[Any]
    name: str

    async def __call__(self, version: str) -> None:
        """Return when it is loaded.

        Raises:
            ArtifactError: the engine refused it; the message holds why.
        """
        key = f"{self.name}@{version}"
        while True:
            try:
                held = await call(self.handle.models.remote(), "models")
            except DeadlineError:  # the engine is starting
                continue
            if key in held["failed"]:
                raise ArtifactError(f"adapter {key} was refused: {held['failed'][key]}")
            if any(f"{a['name']}@{a['version']}" == key for a in held["adapters"]):
                return
            await asyncio.sleep(_LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class Probed:
    """Readiness of a deployment: whether one of its replicas answers `method` soon."""

    handle: DeploymentHandle[Any]
    method: str

    async def __call__(self) -> str:
        response = getattr(self.handle, self.method).remote()
        try:
            await call(response, self.method, timeout_s=_PROBE_TIMEOUT_S)
        except Exception as e:  # whatever it is, the part is not there
            return f"down: {type(e).__name__}"
        return "ok"
