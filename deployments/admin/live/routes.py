"""`/admin/live`: the snapshots of this replica as server-sent events."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from deployments.admin.live.feed import Feed


def live_routes(feed: Feed) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/live")

    @router.get("")
    async def live() -> StreamingResponse:
        """Stream server-sent events: `past` once, a `snapshot` every `admin.live_every_s`, `bye` when to come again."""
        events = feed.watch()
        first = await anext(events)  # a refusal is a problem with its status, not an event

        async def all_events() -> AsyncIterator[str]:
            try:
                yield first
                async for event in events:
                    yield event
            finally:
                await events.aclose()

        return StreamingResponse(
            all_events(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router
