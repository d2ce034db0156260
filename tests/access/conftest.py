from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import Body, Depends, FastAPI, Request

from cluster.access.keys import Role, new_key, new_secret
from cluster.access.sql_store import SqlKeys
from cluster.database import database_url
from deployments import problems
from deployments.access import layer
from deployments.access.desk import Desk
from deployments.access.keyring import Caller
from deployments.admin.keys import require_key
from deployments.limits import BodyLimit
from naviyam.clock import SystemClock
from naviyam.settings import Settings

Body_ = Body()


@pytest.fixture
def settings_of(tmp_path):
    def build(**sections):
        return Settings.parse({"paths": {"state": str(tmp_path)}, **sections})

    return build


def app_of(settings, *, clock=None, counted=lambda name: None):
    """The access layer around routes that do next to nothing."""
    app = FastAPI()
    desk = Desk.of(settings, clock=clock, secret=b"k", counted=counted)
    app.add_middleware(BodyLimit, max_bytes=1_000)
    problems.install(app, retry_after_s=1)
    layer.install(app, desk)
    admit = layer.user_gate(desk, lambda user_id, space: f"u_{space}_{user_id}")

    @app.post("/chat")
    async def chat(request: Request, body: dict = Body_):
        return {"space": await admit(request, "user_chats", body["user_id"])}

    @app.get("/shops/one")
    async def shop():
        return {}

    @app.get("/healthz")
    async def healthz():
        return {}

    @app.get("/v1/models")
    async def models():
        return {}

    check = require_key(desk.keyring)

    @app.get("/admin/me", dependencies=[Depends(check)])
    async def me(request: Request):
        caller: Caller = request.state.caller
        return {"name": caller.name, "role": caller.role}

    return app


@asynccontextmanager
async def clients_of(*apps, peer="203.0.113.5"):
    """One client for each application, as it would be behind no proxy."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://test"
                )
            )
            for app in apps
        ]


def make_key(settings, name, role=Role.CLIENT, **more):
    secret = new_secret()
    now = SystemClock().now()
    SqlKeys(database_url(settings)).add(
        new_key(secret, name=name, role=role, now=now, by="test", **more)
    )
    return {"Authorization": f"Bearer {secret}"}
