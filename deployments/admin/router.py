"""The routes under /admin: the same verbs as the command line, one module for each subject, all behind the key."""

from fastapi import APIRouter, Depends

from deployments.access.keyring import Keyring
from deployments.admin import alerts, experiments, jobs, models, schedule
from deployments.admin.keys import require_key
from deployments.admin.open import Control
from naviyam.settings import Settings


def admin_router(settings: Settings, keyring: Keyring | None = None) -> APIRouter:
    """Return every admin route; the key file is made where there is none."""
    check = require_key(keyring or Keyring.of(settings))
    router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(check)])
    control = Control(settings)
    router.include_router(jobs.routes(control))
    router.include_router(schedule.routes(control))
    router.include_router(alerts.routes(control))
    router.include_router(experiments.routes(control))
    router.include_router(models.routes(control))
    return router
