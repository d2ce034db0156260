"""`Meter` over Ray's metrics. Inside a Serve replica, application, deployment and replica become labels of their own."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.telemetry.instruments import Instrument

_logger = logging.getLogger(__name__)


class RayMeter:
    """Makes its instruments once; what Ray does not take is logged and costs no answer.

    Args:
        instruments: all that will be recorded.
        kinds: `ray.serve.metrics` in a replica, `ray.util.metrics` elsewhere.
    """

    def __init__(self, instruments: Sequence[Instrument], kinds: Any) -> None:
        self._made: dict[str, Any] = {i.name: _make(i, kinds) for i in instruments}

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


def _make(instrument: Instrument, kinds: Any) -> Any:
    common: dict[str, Any] = {"description": instrument.meaning, "tag_keys": instrument.labels}
    match instrument.kind:
        case "counter":
            return kinds.Counter(instrument.name, **common)
        case "gauge":
            return kinds.Gauge(instrument.name, **common)
        case "histogram":
            return kinds.Histogram(instrument.name, boundaries=list(instrument.bounds), **common)
