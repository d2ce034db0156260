"""`Meter` over Ray's metrics. Inside a Serve replica, application, deployment and replica become labels of their own."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.telemetry.instruments import Instrument

_REMIND_S = 5.0
_logger = logging.getLogger(__name__)


class RayMeter:
    """Makes its instruments once; what Ray does not take is logged and costs no answer.

    Ray forgets a gauge that nobody set for some 20 s, such as the version that serves; each is set again every few seconds.

    Args:
        instruments: all that will be recorded.
        kinds: `ray.serve.metrics` in a replica, `ray.util.metrics` elsewhere.
    """

    def __init__(self, instruments: Sequence[Instrument], kinds: Any) -> None:
        self._made: dict[str, Any] = {i.name: _make(i, kinds) for i in instruments}
        self._gauges: dict[tuple[str, tuple[str, ...]], tuple[float, dict[str, str]]] = {}
        threading.Thread(target=self._remind_always, name="gauges", daemon=True).start()

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        made = self._made[instrument.name]
        try:
            if instrument.kind == "counter":
                if value > 0:
                    made.inc(value, dict(labels))
            elif instrument.kind == "gauge":
                kept = dict(labels)
                made.set(value, kept)
                self._gauges[instrument.name, tuple(kept.values())] = (value, kept)
            else:
                made.observe(value, dict(labels))
        except (TypeError, ValueError) as e:
            _logger.warning("%s %s was not counted: %s", instrument.name, labels, e)

    def remind(self) -> None:
        """Set every gauge to what it was set to last."""
        for (name, _), (value, labels) in list(self._gauges.items()):
            self._made[name].set(value, labels)

    def _remind_always(self) -> None:
        while True:
            time.sleep(_REMIND_S)
            try:
                self.remind()
            except Exception as e:  # Ray goes down before this thread does
                _logger.debug("gauges were not set again: %s", e)


def _make(instrument: Instrument, kinds: Any) -> Any:
    common: dict[str, Any] = {"description": instrument.meaning, "tag_keys": instrument.labels}
    match instrument.kind:
        case "counter":
            return kinds.Counter(instrument.name, **common)
        case "gauge":
            return kinds.Gauge(instrument.name, **common)
        case "histogram":
            return kinds.Histogram(instrument.name, boundaries=list(instrument.bounds), **common)
