"""The language model as a Ray Serve deployment: a thin shell around `deployments.engine.LLMEngine`.

This module is imported by processes that only build or call the application, so it does not import vLLM;
a replica imports the engine when it starts.
"""

import asyncio
import contextlib
import importlib
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ray import serve

from cluster.ray_io.meter import RayMeter
from cluster.registry.champion import reader
from cluster.telemetry.catalogue import LANGUAGE_MODEL
from cluster.telemetry.hop import received
from cluster.telemetry.request import Carrier
from deployments.adapter_table import AdapterSpec, parse_adapters
from deployments.completions.port import Completion, Model, Piece
from deployments.config import deployment_options
from deployments.follow import AdapterFollower
from deployments.llm_metrics import LanguageModelMetrics
from deployments.replica import begin, logging_config
from naviyam.clock import SystemClock
from naviyam.nlg.generator import ServedBy
from naviyam.settings import Settings

if TYPE_CHECKING:
    from deployments.completions.guests import Guests
    from deployments.engine import LLMEngine

_ENGINE_MODULE = "deployments.engine"
_GUESTS_MODULE = "deployments.completions.guests"
_GUEST = "v1"
"""Other teams' generations in the metrics, whatever they ask for."""

_log = logging.getLogger(__name__)


class LLM:
    """One engine per replica. Deployed by `build_llm`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = Settings.parse(settings, source="LLM deployment")
        self._tracer = begin(self._settings, "inner")
        self._engine: LLMEngine | None = None
        self._guests: Guests | None = None
        self._starting: asyncio.Task[LLMEngine] | None = None
        self._following: asyncio.Task[None] | None = None
        self._failed: dict[str, str] = {}
        self._metrics = LanguageModelMetrics(
            RayMeter(LANGUAGE_MODEL, serve.metrics),
            SystemClock(),
            places=self._settings.llm.max_num_seqs,
        )

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Serve exactly the adapters that are named; Serve calls this at the start and on each change.

        A broken adapter is logged and listed in `models`; it never takes the replica down.
        """
        engine = await self._ready()
        self._failed = await engine.apply_adapters(parse_adapters(user_config))

    async def stream(
        self,
        prompt: str,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
        carrier: Carrier | None = None,
    ) -> AsyncGenerator[str | ServedBy, None]:
        """Yield who writes, then the text; see `LLMEngine.generate`. A cancelled call aborts the request."""
        with received(
            carrier, self._tracer, "LLM.stream", {"naviyam.adapter": adapter or "champion"}
        ):
            pieces = self._stream(prompt, adapter, request_id, overrides)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def _stream(
        self,
        prompt: str,
        adapter: str | None,
        request_id: str,
        overrides: Mapping[str, Any] | None,
    ) -> AsyncGenerator[str | ServedBy, None]:
        engine = await self._ready()
        told: list[str] = []
        pieces = engine.generate(
            prompt,
            adapter=adapter,
            request_id=request_id,
            overrides=overrides,
            served=told.append,
        )
        counted = self._metrics.counted(pieces, engine, adapter)
        async with contextlib.aclosing(counted):
            async for piece in counted:
                if told:
                    yield ServedBy(adapter=told.pop())
                yield piece

    async def complete(
        self, completion: Completion, request_id: str
    ) -> AsyncGenerator[Piece, None]:
        """Write for another team; see `Guests`. A cancelled call aborts the request."""
        engine = await self._ready()
        assert self._guests is not None
        pieces = self._guests.complete(completion, request_id=request_id)
        counted = self._metrics.counted(pieces, engine, _GUEST)
        async with contextlib.aclosing(counted):
            async for piece in counted:
                yield piece

    async def guest_models(self) -> tuple[Model, ...]:
        """Return what other teams may ask for."""
        await self._ready()
        assert self._guests is not None
        return await self._guests.models()

    async def load_adapter(self, name: str, version: str, path: str) -> dict[str, Any]:
        """Load an adapter into this replica; for all replicas change `user_config` instead."""
        engine = await self._ready()
        loaded = await engine.load_adapter(AdapterSpec(name=name, version=version, path=path))
        return asdict(loaded)

    async def unload_adapter(self, adapter: str) -> None:
        """Unload `name` or `name@version` from this replica once its requests have ended."""
        await (await self._ready()).unload_adapter(adapter)

    async def models(self) -> dict[str, Any]:
        """Return what this replica serves, and which adapters it could not load and why."""
        engine = await self._ready()
        return {
            "base": engine.served.base.name,
            "model": engine.served.model.name,
            "merged": engine.served.merged,
            "default": engine.default_adapter,
            "adapters": [asdict(a) for a in engine.adapters()],
            "failed": dict(self._failed),
            "active": engine.active,
        }

    async def version(self) -> str:
        """Return the name of the served weights; answers only once the engine runs."""
        return (await self._ready()).served.model.name

    async def adapter(self) -> str:
        """Return what requests without an adapter are written with, as `name@version`."""
        return (await self._ready()).default_adapter

    async def check_health(self) -> None:
        """Raise when the engine is dead or stuck, so that Serve replaces the replica."""
        if self._engine is not None:
            await self._engine.check_health()

    async def __del__(self) -> None:
        """Called by Serve when the replica is stopped in peace."""
        if self._following is not None:
            self._following.cancel()
        if self._engine is not None:
            await self._engine.stop()

    async def _ready(self) -> "LLMEngine":
        if self._engine is None:
            if self._starting is None:
                module = importlib.import_module(_ENGINE_MODULE)
                start = module.LLMEngine.start(self._settings, environ=os.environ)
                self._starting = asyncio.ensure_future(start)
            self._engine = await self._starting
            if self._guests is None:
                guests = importlib.import_module(_GUESTS_MODULE)
                self._guests = guests.Guests(self._engine, self._settings)
            if self._following is None:
                follower = AdapterFollower(self._settings, self._engine)
                self._following = asyncio.ensure_future(follower.watch())
        return self._engine


def build_llm(settings: Settings, *, adapters: tuple[AdapterSpec, ...] = ()) -> serve.Application:
    """Return the application of the language model, with `adapters` loaded besides the champion."""
    llm, scale = settings.llm, settings.serving.llm
    deployment = serve.deployment(
        LLM,
        name="LLM",
        **deployment_options(scale, num_gpus=llm.num_gpus),
        logging_config=logging_config(settings.telemetry),
        user_config={"adapters": [asdict(a) for a in adapters]},
    )
    return deployment.bind(settings.model_dump(mode="json"))


def nlu_adapters(settings: Settings) -> tuple[AdapterSpec, ...]:
    """Return the adapter that reads messages, none where the layer is off or the adapter is not there, which the log then says."""
    found = reader(settings)
    if found is None:
        if settings.nlu.llm:
            name, folder = settings.nlu.llm_adapter, settings.paths.adapters
            _log.warning("no adapter %s with a card in %s", name, folder)
        return ()
    return (AdapterSpec(name=found.name, version=found.version, path=str(found.folder)),)
