"""`/admin/experiments` and `/admin/traffic`: canaries over HTTP, the same verbs as `naviyam experiment`."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cluster.rollout.experiment import Experiment
from cluster.rollout.part import look
from deployments.admin.open import Control
from naviyam.arms import Layer


class ExperimentIn(BaseModel):
    """What to try."""

    model_config = ConfigDict(extra="forbid")

    layer: Layer
    candidate: str = Field("challenger", max_length=128)
    weight: float | None = Field(None, gt=0, le=1)
    offline_gain: float | None = None
    who: str = Field("admin api", max_length=64)
    why: str = Field("", max_length=500)


class ActionIn(BaseModel):
    """What to do with an experiment."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["weight", "promote", "rollback", "abort", "pause", "resume"]
    weight: float | None = Field(None, gt=0, le=1)
    who: str = Field("admin api", max_length=64)
    why: str = Field("by hand", max_length=500)


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/experiments")
    def listed() -> dict[str, Any]:
        """Return every experiment, the newest first."""
        held = control.rollouts.rollouts.experiments.all()
        return {"experiments": [_document(e) for e in reversed(held)]}

    @router.post("/experiments", status_code=201)
    def start(body: ExperimentIn) -> dict[str, Any]:
        """Give a candidate to a share of the users."""
        part = control.rollouts
        begun = part.rollouts.start(
            body.layer,
            body.candidate,
            who=body.who,
            why=body.why,
            weight=body.weight,
            offline_gain=body.offline_gain,
        )
        part.carry()
        return _document(begun)

    @router.get("/experiments/{experiment}")
    def show(experiment: str) -> dict[str, Any]:
        """Return an experiment, what its answers say by now, what would follow, and its history."""
        part = control.rollouts
        held = part.rollouts.experiments.get(experiment)
        now = control.clock.now()
        analysis, verdict = look(held, part.observer.seen(held), control.settings, now)
        return {
            **_document(held),
            "analysis": analysis.to_dict(),
            "verdict": verdict.to_dict(),
            "history": [e.to_dict() for e in part.rollouts.experiments.history(experiment)],
        }

    @router.post("/experiments/{experiment}")
    def act(experiment: str, body: ActionIn) -> dict[str, Any]:
        """Change its weight, promote it, take it back, end, pause or resume it; answered when every replica has it."""
        part = control.rollouts
        part.rollouts.act(experiment, body.action, weight=body.weight, who=body.who, why=body.why)
        part.settle()
        return _document(part.rollouts.experiments.get(experiment))

    @router.get("/traffic")
    def traffic() -> dict[str, Any]:
        """Return the table that the experiments amount to, and the revision that the replicas were handed."""
        part = control.rollouts
        table = part.rollouts.experiments.traffic()
        return {**table.to_dict(), "handed_over": part.fleet.revision()}

    return router


def _document(experiment: Experiment) -> dict[str, Any]:
    return {**experiment.to_dict(), "weight": experiment.weight}
