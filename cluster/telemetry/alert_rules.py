"""Prometheus' recording and alert rules, with the limits of the settings. Pure.

Who is told: `page` now, at any hour; `ticket` in working hours. What needs the event log (clicks, stars, drift) is decided by
`cluster.monitoring`; `NaviyamMonitorAlert` only carries its alerts over.
"""

from typing import Any

from cluster.telemetry.rules.language_model import language_model
from cluster.telemetry.rules.learning import learning
from cluster.telemetry.rules.nodes import nodes
from cluster.telemetry.rules.recorded import RECORDINGS
from cluster.telemetry.rules.service import service
from cluster.telemetry.rules.types import AlertRule
from naviyam.settings import Settings


def alert_rules(settings: Settings) -> tuple[AlertRule, ...]:
    """Return every alert with the limits of the settings."""
    return (*service(settings), *language_model(settings), *learning(settings), *nodes())


def recording_document() -> dict[str, Any]:
    """Return Prometheus' file of the recording rules."""
    rules = [{"record": r.record, "expr": r.expr} for r in RECORDINGS]
    return {"groups": [{"name": "naviyam", "interval": "15s", "rules": rules}]}


def alert_document(settings: Settings) -> dict[str, Any]:
    """Return Prometheus' file of the alert rules."""
    rules = [
        {
            "alert": rule.alert,
            "expr": rule.expr,
            **({"for": rule.held} if rule.held != "0m" else {}),
            "labels": {"severity": rule.severity},
            "annotations": {
                "summary": rule.summary,
                "description": rule.description,
                "runbook": rule.anchor,
            },
        }
        for rule in alert_rules(settings)
    ]
    return {"groups": [{"name": "naviyam-alerts", "rules": rules}]}
