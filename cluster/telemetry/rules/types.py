"""Rules as values. Pure."""

from dataclasses import dataclass
from typing import Literal

RUNBOOK = "docs/operations.md"
Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An expression that is kept under a name."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alert. `summary` and `description` are for the operator, in Korean; `held` is how long it must be so."""

    alert: str
    expr: str
    held: str
    severity: Severity
    summary: str
    description: str

    @property
    def anchor(self) -> str:
        """Return where the runbook tells what to do: the heading's anchor."""
        return f"{RUNBOOK}#{self.alert.lower()}"
