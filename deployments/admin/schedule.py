"""`/admin/schedule`: what runs by the clock, over HTTP."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cluster.jobs.kinds import LEARN
from deployments.admin.acts import Acts
from deployments.admin.open import Control


class ScheduleIn(BaseModel):
    """What to do with a schedule."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["pause", "resume", "run-now"]
    kind: str = Field(LEARN, max_length=40)
    who: str = Field("admin api", max_length=64)
    why: str = Field("", max_length=500)
    """Shown with every run that does not start."""


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/schedule")

    @router.get("")
    def show() -> dict[str, Any]:
        """Return what runs next, and what was decided and why."""
        return control.schedule.show()

    @router.post("")
    def change(body: ScheduleIn, act: Acts) -> dict[str, Any]:
        """Pause, resume, or ask for a run now."""
        before = control.schedule.show().get(body.kind, {})
        act.begin(
            f"schedule.{body.action}",
            target=body.kind,
            said_by=body.who,
            why=body.why,
            before=_facts(before),
        )
        match body.action:
            case "pause":
                who = f"{body.who}: {body.why}" if body.why else body.who
                control.schedule.pause(body.kind, who=who)
            case "resume":
                control.schedule.resume(body.kind)
            case "run-now":
                control.schedule.run_now(body.kind, who=body.who)
        after = control.schedule.show()
        act.became(_facts(after[body.kind]))
        return after

    return router


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("paused", "asked_by") if name in found}
