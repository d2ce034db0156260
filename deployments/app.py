"""The Serve application: `serve run deployments.app:build_app config=configs/local.yaml`.

Ingress -> (Retriever, Ranker where `serving.light_stages` is `deployments`) and, where `llm.enabled`, the LLM.
"""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve import Application, Deployment
from ray.serve.handle import DeploymentHandle

from cluster.ray_io.meter import RayMeter
from cluster.telemetry.catalogue import SERVICE
from deployments.completions.handle import HandleCompletions
from deployments.config import AppArgs, deployment_options, load_settings
from deployments.generator import GeneratedReader, HandleGenerator
from deployments.handles import (
    HandleRanker,
    HandleRetriever,
    LoadedAdapter,
    Probed,
    ServingAdapter,
)
from deployments.ingress import create_app
from deployments.llm import build_llm, nlu_adapters
from deployments.metrics import ServiceMetrics
from deployments.pipeline import ChatService, Probe
from deployments.ranker import Ranker
from deployments.replica import begin, logging_config
from deployments.retriever import Retriever
from deployments.runtime import RemoteStages, RuntimeBuilder
from naviyam.clock import SystemClock
from naviyam.errors import InputError
from naviyam.retrieval.encoder import load_encoder
from naviyam.settings import Autoscale, Settings

_logger = logging.getLogger(__name__)


async def _ok() -> str:
    return "ok"


async def _disabled() -> str:
    return "disabled"


class Ingress:
    """The Ray shell of `ingress.create_app`: handles become ports, nothing else happens here."""

    def __init__(
        self,
        settings: Settings,
        llm: DeploymentHandle | None = None,
        retriever: DeploymentHandle | None = None,
        ranker: DeploymentHandle | None = None,
    ) -> None:
        clock = SystemClock()
        tracer = begin(settings, "ingress")
        metrics = ServiceMetrics(RayMeter(SERVICE, serve.metrics))
        probes: dict[str, Probe] = {"index": _ok, "ranker": _ok, "llm": _disabled}
        remote = None
        if retriever is not None and ranker is not None:
            found = HandleRetriever(retriever)
            remote = RemoteStages(retriever=found, funnels=found, ranker=HandleRanker(ranker))
            probes |= {"index": Probed(retriever, "version"), "ranker": Probed(ranker, "version")}
        generator = reader = None
        if llm is not None:
            generator = HandleGenerator(llm, tracer=tracer)
            reader = GeneratedReader(generator, settings.nlu) if settings.nlu.llm else None
            probes["llm"] = Probed(llm, "models")
        builder = RuntimeBuilder(
            settings,
            clock,
            encoder=load_encoder(settings.retrieval) if remote is None else None,
            generator=generator,
            remote=remote,
            reader=reader,
            spans=tracer,
            told=metrics.committed,
        )
        retry_after_s = settings.serving.retry_after_s
        self._completions = None if llm is None else HandleCompletions(llm, retry_after_s)
        runtimes, state = builder.start()
        self._service = ChatService(
            runtimes,
            state,
            settings=settings,
            clock=clock,
            probes=probes,
            adapter=None if llm is None else ServingAdapter(llm),
            adapter_ready=None if llm is None else LoadedAdapter(llm, settings.llm.adapter),
            replica=serve.get_replica_context().replica_id.unique_id,
            metrics=metrics,
            tracer=tracer,
        )

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take the traffic table; Serve calls this at the start and on each change.

        One that cannot be read is left alone: raising would end the replica.
        """
        try:
            self._service.take(user_config)
        except InputError as e:
            _logger.error(
                "traffic %r was refused, revision %d stays: %s",
                user_config,
                self._service.traffic.held.revision,
                e,
            )

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._service, completions=self._completions, echoes=False)


def build_app(args: AppArgs) -> Application:
    """Return the application graph of a configuration.

    Raises:
        ConfigError: the configuration is missing or wrong.
    """
    settings = load_settings(args)
    serving = settings.serving
    parts: dict[str, Application] = {}
    if serving.light_stages == "deployments":
        parts["retriever"] = _deployed(Retriever, serving.retriever, settings).bind(settings)
        parts["ranker"] = _deployed(Ranker, serving.ranker, settings).bind(settings)
    if settings.llm.enabled:
        parts["llm"] = build_llm(settings, adapters=nlu_adapters(settings))
    return _deployed(serve.ingress()(Ingress), serving.ingress, settings).bind(settings, **parts)


def _deployed(shell: type, scale: Autoscale, settings: Settings) -> Deployment:
    return serve.deployment(
        shell,
        name=shell.__name__,
        logging_config=logging_config(settings.telemetry),
        **deployment_options(scale),
    )
