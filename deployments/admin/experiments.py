"""`/admin/experiments` and `/admin/traffic`: canaries over HTTP, the same verbs as `naviyam experiment`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cluster.rollout.experiment import Experiment
from deployments.admin.acts import Acts
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
    def start(body: ExperimentIn, act: Acts) -> dict[str, Any]:
        """Give a candidate to a share of the users."""
        part = control.rollouts
        asked = {"layer": body.layer, "candidate": body.candidate, "weight": body.weight}
        act.begin(
            "experiment.start", target=body.layer, said_by=body.who, why=body.why, before=asked
        )
        begun = part.rollouts.start(
            body.layer,
            body.candidate,
            who=body.who,
            why=body.why,
            weight=body.weight,
            offline_gain=body.offline_gain,
        )
        part.carry()
        act.became({"experiment": begun.id, **_facts(begun)})
        return _document(begun)

    @router.get("/experiments/{experiment}")
    def show(experiment: str, fresh: bool = False) -> dict[str, Any]:
        """Return an experiment, what its answers said at the controller's last look, what would follow, and its history.

        `fresh` reads the event log now, which takes the longer the more answers there are.
        """
        part = control.rollouts
        held = part.rollouts.experiments.get(experiment)
        seen = part.looked(held, control.clock.now(), fresh=fresh)
        return {
            **_document(held),
            "analysis": dict(seen.analysis),
            "verdict": dict(seen.verdict),
            "looked_at": seen.at.isoformat(),
            "history": [e.to_dict() for e in part.rollouts.experiments.history(experiment)],
        }

    @router.get("/experiments/{experiment}/looks")
    def looks(
        experiment: str, limit: Annotated[int, Query(ge=2, le=2_000)] = 300
    ) -> dict[str, Any]:
        """Return the controller's looks, oldest first, evenly thinned, and what was done, without its evidence.

        A band is `[estimate, low, high, users]`. Nothing is read but what was kept: it is cheap however long the log is.
        """
        part = control.rollouts
        history = [e.to_dict() for e in part.rollouts.experiments.history(experiment)]
        return {
            "experiment": experiment,
            "looks": [p.to_dict() for p in part.looks.series(experiment, limit=limit)],
            "history": [{k: v for k, v in e.items() if k != "evidence"} for e in history],
        }

    @router.post("/experiments/{experiment}")
    def change(experiment: str, body: ActionIn, act: Acts) -> dict[str, Any]:
        """Change its weight, promote it, take it back, end, pause or resume it; answered when every replica has it."""
        part = control.rollouts
        act.begin(
            f"experiment.{body.action}",
            target=experiment,
            said_by=body.who,
            why=body.why,
            before=_facts(part.rollouts.experiments.get(experiment)),
        )
        part.rollouts.act(experiment, body.action, weight=body.weight, who=body.who, why=body.why)
        part.settle()
        after = part.rollouts.experiments.get(experiment)
        act.became(_facts(after))
        return _document(after)

    @router.get("/traffic")
    def traffic() -> dict[str, Any]:
        """Return the table that the experiments amount to, and the revision that the replicas were handed."""
        part = control.rollouts
        table = part.rollouts.experiments.traffic()
        return {**table.to_dict(), "handed_over": part.fleet.revision()}

    return router


def _facts(experiment: Experiment) -> dict[str, Any]:
    return {"state": experiment.state.value, "weight": experiment.weight}


def _document(experiment: Experiment) -> dict[str, Any]:
    return {**experiment.to_dict(), "weight": experiment.weight}
