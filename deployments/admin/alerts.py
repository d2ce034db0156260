"""`/admin/alerts`: which alerts are open, what is watched, and acknowledging one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cluster.monitoring.alerts import RULES
from deployments.admin.acts import Acts
from deployments.admin.open import Control
from naviyam.ids import check_id


class AcknowledgeIn(BaseModel):
    """Who has seen an alert."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field("operator", min_length=1, max_length=64)


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/alerts")

    @router.get("")
    def list_alerts(
        history: bool = False, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> dict[str, Any]:
        """Return the alerts that are open, newest first; with `history` cleared ones too."""
        found = control.alerts.alerts(open_only=not history, limit=limit)
        return {"alerts": [alert.to_dict() for alert in found]}

    @router.get("/rules")
    def rules() -> dict[str, Any]:
        """Return what is watched, what it means and where to look first."""
        return {"rules": [rule.to_dict() for rule in RULES]}

    @router.post("/{alert_id}/acknowledge")
    def acknowledge(alert_id: str, body: AcknowledgeIn, act: Acts) -> dict[str, Any]:
        """Mark an alert as seen; who was first stays. 404 where there is none."""
        check_id(alert_id, field="alert_id")
        act.begin("alert.acknowledge", target=alert_id, said_by=body.by)
        seen = control.alerts.acknowledge(alert_id, by=body.by, at=control.clock.now())
        act.became({"rule": seen.rule, "acknowledged_by": seen.acknowledged_by})
        return seen.to_dict()

    return router
