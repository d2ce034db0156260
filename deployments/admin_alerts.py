"""`/admin/alerts`: what is watched, which alerts are open, and acknowledging one. Routes only; whoever mounts them asks for the key."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cluster.monitoring.alerts import RULES
from cluster.monitoring.store import AlertStore
from naviyam.clock import Clock
from naviyam.ids import check_id


class AcknowledgeIn(BaseModel):
    """Who has seen an alert."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field("operator", min_length=1, max_length=64)


def add_alert_routes(router: APIRouter, store: AlertStore, clock: Clock) -> None:
    """Add the routes below `/alerts`; they block on the database, so they run in FastAPI's threads."""

    @router.get("/alerts")
    def alerts(
        history: bool = False, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> dict[str, Any]:
        """Return the alerts that are open, newest first; with `history` cleared ones too."""
        found = store.alerts(open_only=not history, limit=limit)
        return {"alerts": [alert.to_dict() for alert in found]}

    @router.get("/alerts/rules")
    def rules() -> dict[str, Any]:
        """Return what is watched, what it means and where to look first."""
        names = ("name", "measure", "threshold", "meaning", "first_look", "korean", "rolls_back")
        return {"rules": [{name: getattr(rule, name) for name in names} for rule in RULES]}

    @router.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(alert_id: str, body: AcknowledgeIn) -> dict[str, Any]:
        """Mark an alert as seen; who was first stays. 404 where there is none."""
        seen = store.acknowledge(check_id(alert_id, field="alert_id"), by=body.by, at=clock.now())
        return seen.to_dict()
