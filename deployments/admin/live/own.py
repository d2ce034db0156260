"""`Scraper` of this process alone, over the meter that keeps everything: for a service without Ray, and tests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster.monitoring.scrapes import Scrape, page_of
from cluster.telemetry.catalogue import LANGUAGE_MODEL, SERVICE
from cluster.telemetry.instruments import Instrument, MemoryMeter
from naviyam.clock import Clock

_BY_NAME = {instrument.name: instrument for instrument in (*SERVICE, *LANGUAGE_MODEL)}
_Samples = Iterator[tuple[str, Mapping[str, str], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScraper:
    """Tells what `meter` has counted, in the names that Prometheus would see."""

    meter: MemoryMeter
    clock: Clock

    def scrape(self) -> Scrape:
        return Scrape(at_s=self.clock.monotonic_s(), pages={"self": page_of(self._samples())})

    def _samples(self) -> _Samples:
        for (name, values), taken in list(self.meter.values.items()):
            instrument = _BY_NAME[name]
            labels = dict(zip(instrument.labels, values, strict=True))
            yield from _samples_of(instrument, labels, list(taken))


def _samples_of(instrument: Instrument, labels: Mapping[str, str], taken: list[float]) -> _Samples:
    name = instrument.name
    match instrument.kind:
        case "counter":
            yield f"{name}_total", labels, sum(taken)
        case "gauge":
            yield name, labels, taken[-1]
        case "histogram":
            for bound in instrument.bounds:
                upto = float(sum(value <= bound for value in taken))
                yield f"{name}_bucket", {**labels, "le": str(bound)}, upto
            yield f"{name}_bucket", {**labels, "le": "+Inf"}, float(len(taken))
            yield f"{name}_count", labels, float(len(taken))
