"""The reference of the metrics, as rows, JSON and the Markdown of docs/metrics.md. Pure."""

from typing import Any

from cluster.telemetry.catalogue import GROUPS
from cluster.telemetry.instruments import MOST_VALUES, Instrument

_RECORDED_BY = {
    "service": "Recorded by the ingress replicas. Ray adds `application`, `deployment` and `replica`.",
    "language model": "Recorded by the LLM replicas. Ray adds `application`, `deployment` and `replica`.",
    "controller": "Recorded by the controller, from its store: right again after a restart.",
}
_HEAD = f"""# Metrics

Printed by `naviyam metrics list --markdown`; a test compares this file with the code. Ray exports every metric on each
node's metrics port, with `ray_` before the name, and adds its own labels (`SessionName`, `NodeAddress`, `WorkerId` and the
like). A counter ends in `_total`; a histogram comes as `_bucket`, `_sum` and `_count`. Ray 2.60 sums a histogram by the
middles of its buckets, so read quantiles, not means.

No label names a user, a session, a shop or a word of a message. A label has at most {MOST_VALUES} values in a process; later
ones are counted under `other`.
"""


def rows() -> list[dict[str, Any]]:
    """Return every metric as plain JSON, in the order of the catalogue."""
    return [
        {
            "name": name,
            "recorded_by": group,
            "type": instrument.kind,
            "unit": instrument.unit,
            "labels": list(instrument.labels),
            "meaning": instrument.meaning,
            "exported": list(instrument.exported),
        }
        for group, instruments in GROUPS.items()
        for instrument in instruments
        for name in (_shown(instrument),)
    ]


def markdown() -> str:
    """Return docs/metrics.md."""
    lines = [_HEAD]
    for group, instruments in GROUPS.items():
        lines += [
            f"## {group.capitalize()}",
            "",
            _RECORDED_BY[group],
            "",
            "| name | type | unit | labels | meaning |",
            "|---|---|---|---|---|",
        ]
        for i in instruments:
            labels = ", ".join(i.labels) or "-"
            lines.append(f"| `{_shown(i)}` | {i.kind} | {i.unit} | {labels} | {i.meaning} |")
        lines.append("")
    return "\n".join(lines)


def _shown(instrument: Instrument) -> str:
    """Return the name under which Prometheus knows a metric; a histogram's without its three endings."""
    name = instrument.exported[0]
    return name.removesuffix("_bucket") if instrument.kind == "histogram" else name
