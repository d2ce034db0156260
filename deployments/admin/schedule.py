"""`/admin/schedule`: what runs by the clock, over HTTP."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cluster.jobs.kinds import LEARN
from deployments.admin.open import Control


class ScheduleIn(BaseModel):
    """What to do with a schedule."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["pause", "resume", "run-now"]
    kind: str = Field(LEARN, max_length=40)
    who: str = Field("admin api", max_length=64)


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/schedule")

    @router.get("")
    def show() -> dict[str, Any]:
        """Return what runs next, and what was decided and why."""
        return control.schedule.show()

    @router.post("")
    def change(body: ScheduleIn) -> dict[str, Any]:
        """Pause, resume, or ask for a run now."""
        match body.action:
            case "pause":
                control.schedule.pause(body.kind, who=body.who)
            case "resume":
                control.schedule.resume(body.kind)
            case "run-now":
                control.schedule.run_now(body.kind, who=body.who)
        return control.schedule.show()

    return router
