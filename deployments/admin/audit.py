"""`/admin/audit`: who did what over HTTP, when, why, and what became of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from deployments.admin.open import Control


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/audit")

    @router.get("")
    def listed(
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        below: Annotated[int | None, Query(ge=1)] = None,
    ) -> dict[str, Any]:
        """Return acts, the newest first; `below` goes on from the last number of the answer before."""
        found = control.audit.entries(limit=limit, below=below)
        return {"entries": [entry.to_dict() for entry in found]}

    return router
