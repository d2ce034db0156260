"""The HTTP surface of spec 7 over a `ChatService`. Constructible without Ray; `Ingress` in `app` is its Ray shell."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version as package_version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from cluster.telemetry.request import request_id
from deployments import problems
from deployments.access import layer
from deployments.access.desk import Desk
from deployments.access.layer import Admit
from deployments.admin.open import Control
from deployments.admin.router import admin_router
from deployments.completions.port import Completions
from deployments.completions.routes import completion_routes
from deployments.gone import GONE, ClientGoneError, unless_gone
from deployments.limits import BodyLimit
from deployments.observed import ObservedApp
from deployments.pages import page_router
from deployments.pipeline import ChatService
from deployments.protocol import (
    ChatRequest,
    FeedbackRequest,
    ProfileIn,
    RecommendRequest,
    UnderstandRequest,
)
from deployments.runtime import describe
from naviyam.dialogue.turn import Delta, Done, Event, Failed, Recommended, Understood

EVENT_STREAM = "text/event-stream"
_READY = frozenset(("ok", "disabled"))


def create_app(
    service: ChatService,
    *,
    desk: Desk | None = None,
    control: Control | None = None,
    completions: Completions | None = None,
    echoes: bool = True,
) -> FastAPI:
    """Return the application; its lifespan watches for new versions and traffic and closes the service at the end.

    Args:
        service: what answers.
        desk: keys and limits; None opens the installation's.
        control: what the admin routes act on; None opens the installation's.
        completions: the language model for other teams, where there is one.
        echoes: see `Observer`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            service.close()

    app = ObservedApp(
        service.observer(echoes=echoes),
        title="나비얌",
        version=package_version("naviyam"),
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit, max_bytes=service.settings.serving.max_body_bytes)
    problems.install(app, retry_after_s=service.settings.serving.retry_after_s)
    desk = desk or service.open_desk()
    layer.install(app, desk)
    admit = layer.user_gate(desk, service.pseudonym)
    _conversation_routes(app, service, admit)
    _record_routes(app, service, admit)
    _operation_routes(app, service)
    app.include_router(admin_router(service.settings, keyring=desk.keyring, control=control))
    app.include_router(completion_routes(completions, service.settings, service.clock))
    app.include_router(page_router())
    return app


def _conversation_routes(app: FastAPI, service: ChatService, admit: Admit) -> None:
    @app.post("/chat")
    async def chat(body: ChatRequest, request: Request) -> Response:
        """Answer a message: JSON, or server-sent events where the caller accepts them."""
        space = await admit(request, "user_chats", body.user_id)
        if EVENT_STREAM in request.headers.get("accept", ""):
            events = service.events(body, space)
            first = await anext(events)  # a refusal is a problem with its status, not an event
            return StreamingResponse(
                _server_sent(first, events),
                media_type=EVENT_STREAM,
                headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
            )
        try:
            done = await unless_gone(request, service.chat(body, space))
        except ClientGoneError:
            return Response(status_code=GONE)
        return JSONResponse(done.to_dict())

    @app.post("/recommendations")
    async def recommendations(body: RecommendRequest, request: Request) -> JSONResponse:
        """Return ranked shops without a written answer."""
        space = await admit(request, "user_searches", body.user_id)
        found = await service.recommend(body, space)
        return JSONResponse(
            {
                "interaction_id": found.interaction_id,
                "user_id": body.user_id,
                "original_query": found.query,
                "recommendations": [r.to_dict() for r in found.recommendations],
                "explanations": list(found.explanations),
                "metadata": dict(found.metadata),
            }
        )

    @app.post("/understand")
    async def understand(body: UnderstandRequest, request: Request) -> JSONResponse:
        """Return what a text means, without answering it."""
        space = await admit(request, "user_searches", body.user_id)
        return JSONResponse((await service.understand(body, space)).to_dict())


def _record_routes(app: FastAPI, service: ChatService, admit: Admit) -> None:
    @app.post("/feedback", status_code=202)
    async def feedback(body: FeedbackRequest, request: Request) -> JSONResponse:
        """Record a click, order, favourite or rating; answered when it is on disk."""
        space = await admit(request, "user_records", body.user_id)
        accepted = await service.feedback(body, space)
        return JSONResponse(
            {
                "status": "success",
                "feedback_id": accepted.feedback_id,
                "duplicate": accepted.duplicate,
                "collected": accepted.collected,
            },
            status_code=202,
        )

    @app.get("/shops/{shop_id}")
    async def shop(shop_id: str) -> JSONResponse:
        """Return a shop and its menus."""
        return JSONResponse(service.shop(shop_id))

    @app.get("/users/{user_id}")
    async def user(user_id: str, request: Request) -> JSONResponse:
        """Return a profile and the consent."""
        space = await admit(request, "user_records", user_id)
        return JSONResponse(await service.user(user_id, space))

    @app.put("/users/{user_id}")
    async def put_user(user_id: str, request: Request, body: ProfileIn) -> JSONResponse:
        """Replace a profile."""
        space = await admit(request, "user_records", user_id)
        return JSONResponse(await service.put_user(user_id, body, space))

    @app.delete("/users/{user_id}")
    async def delete_user(user_id: str, request: Request) -> JSONResponse:
        """Remove a user from profile, memory and logs."""
        space = await admit(request, "user_records", user_id)
        await service.forget(user_id, space)
        return JSONResponse({"user_id": user_id, "deleted": True})


def _operation_routes(app: FastAPI, service: ChatService) -> None:
    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Say that this process answers, and which traffic table it answers by."""
        return JSONResponse({"status": "ok", **traffic_held(service)})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Say how index, ranker and language model are; without the last, answers are degraded but come."""
        parts = await service.readiness()
        able = all(parts[name] in _READY for name in parts if name != "llm")
        whole = all(state in _READY for state in parts.values())
        status = "ready" if able else "not_ready"
        return JSONResponse(
            {"status": status, "degraded": not whole, **parts}, status_code=200 if able else 503
        )

    @app.get("/version")
    async def version() -> JSONResponse:
        """Return the versions of everything that serves."""
        return JSONResponse(
            {
                "naviyam": package_version("naviyam"),
                **await service.versions(),
                "traffic": service.traffic.held.revision,
                "catalogue_card": describe(service.runtimes.current.catalog),
            }
        )


def traffic_held(service: ChatService) -> dict[str, Any]:
    """Return which process this is, which table it holds, and whose candidates it still waits for."""
    return {
        "replica": service.replica,
        "traffic": service.traffic.held.revision,
        "waiting": list(service.traffic.waiting),
    }


def traffic_table(service: ChatService) -> dict[str, Any]:
    """Return what `GET /admin/traffic` answers: the whole table as this process holds it."""
    return {**service.traffic.to_dict(), "replica": service.replica}


async def _server_sent(
    first: Event, events: AsyncGenerator[Event, None]
) -> AsyncGenerator[str, None]:
    try:
        yield server_sent_event(first)
        async for event in events:
            yield server_sent_event(event)
    except Exception:
        yield _frame(
            "error",
            {"code": "internal", "detail": "지금은 답하기 어려워요.", "request_id": request_id()},
        )
        raise
    finally:
        await events.aclose()


def server_sent_event(event: Event) -> str:
    """Return one event of spec 7's stream as text."""
    if isinstance(event, Understood):
        return _frame("understanding", event.understanding.to_dict())
    if isinstance(event, Recommended):
        return _frame(
            "recommendations", {"recommendations": [r.to_dict() for r in event.recommendations]}
        )
    if isinstance(event, Delta):
        return _frame("delta", {"text": event.text})
    if isinstance(event, Done):
        return _frame("done", event.to_dict())
    assert isinstance(event, Failed)
    return _frame(
        "error",
        {"code": event.code, "detail": event.message, "retry_after_s": event.retry_after_s},
    )


def _frame(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
