"""`Meter` over Ray's metrics, for code inside a Serve replica: the replica and its deployment become labels of their own."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ray.serve import metrics

from deployments.metrics import Instrument

_logger = logging.getLogger(__name__)


class RayMeter:
    """Makes its instruments once; what Ray does not take is logged and costs no answer."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._made: dict[str, Any] = {i.name: _make(i) for i in instruments}

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        made = self._made[instrument.name]
        try:
            if instrument.kind == "counter":
                if value > 0:
                    made.inc(value, dict(labels))
            elif instrument.kind == "gauge":
                made.set(value, dict(labels))
            else:
                made.observe(value, dict(labels))
        except (TypeError, ValueError) as e:
            _logger.warning("%s %s was not counted: %s", instrument.name, labels, e)


def _make(instrument: Instrument) -> Any:
    common: dict[str, Any] = {"description": instrument.help, "tag_keys": instrument.labels}
    match instrument.kind:
        case "counter":
            return metrics.Counter(instrument.name, **common)
        case "gauge":
            return metrics.Gauge(instrument.name, **common)
        case "histogram":
            return metrics.Histogram(instrument.name, boundaries=list(instrument.bounds), **common)
