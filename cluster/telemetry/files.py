"""The files below `deploy/` that Prometheus and Grafana read, made from the settings. Pure; the caller writes them."""

import json
from typing import Any, Final

import yaml

from cluster.telemetry.alert_rules import alert_document, recording_document
from cluster.telemetry.dashboards import dashboards
from cluster.telemetry.grafana import SOURCE_UID, document
from naviyam.settings import Settings

DISCOVERY: Final = "/tmp/ray/prom_metrics_service_discovery.json"
"""Where Ray lists what is to be scraped, on the head's node and by default."""

_MADE = "# Made by `naviyam metrics write`; change the settings or cluster/telemetry and write it again.\n"
_DASHBOARDS = "/etc/grafana/dashboards/naviyam"


def files(settings: Settings, *, discovery: str = DISCOVERY) -> dict[str, str]:
    """Return every file by its path below `deploy/`.

    Args:
        settings: whose limits the alerts and dashboards hold.
        discovery: the file in which Ray lists its nodes' metrics ports.
    """
    made = {
        "prometheus/prometheus.yml": _yaml(prometheus(discovery)),
        "prometheus/rules.yml": _yaml(recording_document()),
        "prometheus/alerts.yml": _yaml(alert_document(settings)),
        "prometheus/operator.yaml": _yaml(*operator(settings)),
        "grafana/provisioning/datasources/prometheus.yaml": _yaml(_SOURCES),
        "grafana/provisioning/dashboards/naviyam.yaml": _yaml(_PROVIDERS),
    }
    for dashboard in dashboards(settings):
        text = json.dumps(document(dashboard), ensure_ascii=False, indent=1)
        made[f"grafana/dashboards/{dashboard.uid}.json"] = text + "\n"
    return made


def prometheus(discovery: str) -> dict[str, Any]:
    """Return Prometheus' configuration: Ray's nodes as the discovery file lists them, these rules, an Alertmanager beside it."""
    return {
        "global": {"scrape_interval": "10s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yml", "alerts.yml"],
        "scrape_configs": [{"job_name": "ray", "file_sd_configs": [{"files": [discovery]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
    }


def operator(settings: Settings) -> tuple[dict[str, Any], ...]:
    """Return the same for the Prometheus Operator on Kubernetes: which pods are scraped, and the rules."""
    named = {"name": "naviyam", "labels": {"app.kubernetes.io/name": "naviyam"}}
    scraped = {"port": "metrics", "relabelings": [{"targetLabel": "job", "replacement": "ray"}]}
    groups = [*recording_document()["groups"], *alert_document(settings)["groups"]]
    return (
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": named,
            "spec": {
                "selector": {"matchLabels": {"app.kubernetes.io/name": "naviyam"}},
                "podMetricsEndpoints": [scraped],
            },
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": named,
            "spec": {"groups": groups},
        },
    )


_SOURCES = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "uid": SOURCE_UID,
            "type": "prometheus",
            "access": "proxy",
            "url": "http://127.0.0.1:9090",
            "isDefault": True,
            "jsonData": {"timeInterval": "10s"},
        }
    ],
}
_PROVIDERS = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "naviyam",
            "folder": "나비얌",
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": _DASHBOARDS},
        }
    ],
}


def _yaml(*documents: dict[str, Any]) -> str:
    text: str = yaml.dump_all(
        documents, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=4_096
    )
    return _MADE + text


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
