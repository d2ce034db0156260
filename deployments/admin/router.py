"""The routes under /admin: the same verbs as the command line, one module for each subject, all behind the key, all changes audited."""

from fastapi import APIRouter, Depends

from deployments.access.keyring import Keyring
from deployments.admin import alerts, audit, experiments, jobs, models, schedule
from deployments.admin.acts import recorded
from deployments.admin.keys import require_key
from deployments.admin.live.feed import Feed
from deployments.admin.live.parts import parts_of
from deployments.admin.live.routes import live_routes
from deployments.admin.open import Control
from naviyam.settings import Settings


def admin_router(
    settings: Settings, *, keyring: Keyring | None = None, control: Control | None = None
) -> APIRouter:
    """Return every admin route; the key file is made where there is none."""
    control = control or Control(settings)
    feed = Feed(parts_of(control), settings=settings.admin, clock=control.clock)
    router = APIRouter(
        prefix="/admin",
        tags=["admin"],
        dependencies=[
            Depends(require_key(keyring or Keyring.of(settings))),
            Depends(recorded(control, told=feed.poke), scope="function"),
        ],
    )
    router.include_router(jobs.routes(control))
    router.include_router(schedule.routes(control))
    router.include_router(alerts.routes(control))
    router.include_router(experiments.routes(control))
    router.include_router(models.routes(control))
    router.include_router(audit.routes(control))
    router.include_router(live_routes(feed))
    return router
