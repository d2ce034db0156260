"""Grafana's classic dashboard model as far as it is used here: panels on a grid of 24 columns. Pure."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["s", "ms", "reqps", "percentunit", "short", "bytes", "ops", "dateTimeAsIso"]
_COLUMNS = 24
_SCHEMA_VERSION = 39
"""Of Grafana 11; newer ones migrate it when they load it."""

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SOURCE_UID = "naviyam-prometheus"
"""Of the data source that is provisioned beside the dashboards."""

_COLOURS = ("green", "orange", "red")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One expression; `legend` is Grafana's format."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `limits` are where it turns orange and red."""

    title: str
    meaning: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 12
    height: int = 8
    limits: tuple[float, ...] = ()
    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A heading and the panels under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard; `uid` is its address for ever."""

    uid: str
    title: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel."""
        return tuple(panel for row in self.rows for panel in row.panels)


def document(dashboard: Dashboard) -> dict[str, Any]:
    """Return the dashboard as Grafana reads it from a file."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row in dashboard.rows:
        panels.append(_heading(row, len(panels) + 1, y))
        y += 1
        placed, y = _placed(row.panels, y)
        panels += [_panel(p, len(panels) + 1 + i, at) for i, (p, at) in enumerate(placed)]
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["naviyam"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "Asia/Seoul",
        "annotations": {"list": []},
        "links": [
            {
                "title": "나비얌",
                "type": "dashboards",
                "tags": ["naviyam"],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
                "targetBlank": False,
                "icon": "",
                "tooltip": "",
                "url": "",
            }
        ],
        "templating": {"list": [_source_variable()]},
        "panels": panels,
    }


def _placed(panels: Sequence[Panel], y: int) -> tuple[list[tuple[Panel, dict[str, int]]], int]:
    """Return each panel's place, from the left and downwards, and the first free line."""
    placed, x, tallest = [], 0, 0
    for panel in panels:
        if x + panel.width > _COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append((panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return placed, y + tallest


def _heading(row: Row, number: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
    }


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": at,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _stat_options() if panel.kind == "stat" else _series_options(),
        "targets": [
            {
                "refId": string.ascii_uppercase[i],
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "range": panel.kind != "stat",
                "instant": panel.kind == "stat",
            }
            for i, query in enumerate(panel.queries)
        ],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": _COLOURS[0], "value": None}]
    steps += [
        {"color": colour, "value": limit}
        for colour, limit in zip(_COLOURS[-len(panel.limits) :], panel.limits, strict=False)
    ]
    custom: dict[str, Any] = {"drawStyle": "line", "lineWidth": 1, "showPoints": "never"}
    custom["fillOpacity"] = 20 if panel.stacked else 0
    custom["stacking"] = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    custom["thresholdsStyle"] = {"mode": "line" if panel.limits else "off"}
    return {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "custom": {} if panel.kind == "stat" else custom,
    }


def _series_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _stat_options() -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "justifyMode": "auto",
        "orientation": "auto",
    }


def _source_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Prometheus", "value": SOURCE_UID},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "refresh": 1,
    }
