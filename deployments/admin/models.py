"""`/admin/models`: versions, their history, promotion and rollback over HTTP, the same verbs as `naviyam models`."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deployments.admin.acts import Acts
from deployments.admin.open import Control


class ServeIn(BaseModel):
    """Which version is to serve; for a rollback none means the last good one."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["promote", "rollback"]
    version: str | None = Field(None, max_length=128)
    who: str = Field("admin api", max_length=64)
    why: str = Field("by hand", max_length=500)


def routes(control: Control) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/models")

    @router.get("")
    def listed() -> dict[str, Any]:
        """Return the registered versions of every model, and what serves."""
        registry = control.registry
        return {
            name: {
                "champion": getattr(registry.alias(name, "champion"), "version", None),
                "challenger": getattr(registry.alias(name, "challenger"), "version", None),
                "versions": [v.to_dict() for v in registry.versions(name)],
            }
            for name in registry.names()
        }

    @router.get("/{name}")
    def history(name: str) -> dict[str, Any]:
        """Return what served of one model, oldest first."""
        return {"name": name, "history": [e.to_dict() for e in control.registry.history(name)]}

    @router.post("/{name}")
    def serve(name: str, body: ServeIn, act: Acts) -> dict[str, Any]:
        """Let a version serve, or an earlier one again."""
        registry = control.registry
        champion = registry.alias(name, "champion")
        act.begin(
            f"model.{body.action}",
            target=name,
            said_by=body.who,
            why=body.why,
            before={"serves": champion and champion.version, "asked": body.version},
        )
        if body.action == "promote":
            version = body.version or "challenger"
            served = registry.promote(name, version, who=body.who, why=body.why)
        else:
            served = registry.rollback(name, body.version, who=body.who, why=body.why)
        act.became({"serves": served.version})
        return served.to_dict()

    return router
