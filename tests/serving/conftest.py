import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest

from cluster.telemetry.tracer import NO_TRACER
from deployments.ingress import create_app
from deployments.pipeline import ChatService
from deployments.runtime import RuntimeBuilder
from naviyam.catalog.store import Catalog
from naviyam.clock import SystemClock
from naviyam.retrieval.encoder import load_encoder
from naviyam.retrieval.index import ensure_index
from naviyam.settings import Settings
from naviyam.simulation.build import from_sample
from training.wide_deep.run import run as train_ranker


def _settings_at(state, **sections):
    values = {
        "paths": {"state": str(state)},
        "llm": {"enabled": False},
        "access": {"limited": False},
        "ranker_training": {"epochs": 1, "max_samples": 400},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return Settings.parse(values)


def _publish_catalog(settings, *, seed):
    return from_sample(settings.model_copy(update={"seed": seed}), SystemClock().now())


@pytest.fixture(scope="session")
def settings_at():
    return _settings_at


@pytest.fixture(scope="session")
def publish_catalog():
    return _publish_catalog


@pytest.fixture(scope="session")
def encoder():
    return load_encoder(Settings.parse({}).retrieval)


@pytest.fixture(scope="session")
def state(tmp_path_factory, encoder):
    """A state folder with the sample catalogue, its index and a ranker."""
    folder = tmp_path_factory.mktemp("state")
    settings = _settings_at(folder)
    catalog = Catalog.load(_publish_catalog(settings, seed=3))
    ensure_index(settings.paths.index, catalog, encoder, settings.retrieval)
    train_ranker(settings, clock=SystemClock(), encoder=encoder)
    return folder


@pytest.fixture(scope="session")
def service_of(encoder):
    """Build a service over a state folder; the caller closes it through its app's lifespan."""

    def build(state, *, generator=None, metrics=None, tracer=NO_TRACER, **sections):
        settings, clock = _settings_at(state, **sections), SystemClock()
        runtimes, opened = RuntimeBuilder(
            settings,
            clock,
            encoder=encoder,
            generator=generator,
            spans=tracer,
            told=(lambda commit: None) if metrics is None else metrics.committed,
        ).start()

        async def ok():
            return "ok"

        async def disabled():
            return "disabled"

        probes = {"index": ok, "ranker": ok, "llm": disabled}
        return ChatService(
            runtimes,
            opened,
            settings=settings,
            clock=clock,
            probes=probes,
            metrics=metrics,
            tracer=tracer,
        )

    return build


@asynccontextmanager
async def client_of(service):
    app = create_app(service)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client,
    ):
        yield client


@pytest.fixture
def served(state, service_of):
    """Run a coroutine function with a client against the service and its catalogue."""

    def go(story, *, service=None, **sections):
        async def inside():
            made = service or service_of(state, **sections)
            async with client_of(made) as client:
                world = SimpleNamespace(
                    client=client,
                    service=made,
                    catalog=made.runtimes.current.catalog,
                    district=made.runtimes.current.catalog.districts[0],
                    events=state / "events",
                )
                return await story(world)

        return asyncio.run(inside())

    return go
