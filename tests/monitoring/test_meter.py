"""Gauges over Ray: what was set once stays, though Ray forgets what nobody sets."""

from types import SimpleNamespace

from cluster.ray_io.meter import RayMeter
from cluster.telemetry.catalogue import ANSWERS, VERSION_INFO


class Kept:
    def __init__(self, name, **options):
        self.name, self.taken = name, []

    def set(self, value, labels):
        self.taken.append((value, labels))

    def inc(self, value, labels):
        self.taken.append((value, labels))


def test_gauges_are_set_again_and_counters_are_not():
    meter = RayMeter((VERSION_INFO, ANSWERS), SimpleNamespace(Gauge=Kept, Counter=Kept))
    one = {"part": "ranker", "version": "r1"}
    meter.record(VERSION_INFO, 1.0, one)
    meter.record(VERSION_INFO, 0.0, one)
    meter.record(VERSION_INFO, 1.0, {"part": "ranker", "version": "r2"})
    meter.record(ANSWERS, 1.0, dict.fromkeys(ANSWERS.labels, "x"))
    before = len(meter._made[VERSION_INFO.name].taken)
    meter.remind()
    again = meter._made[VERSION_INFO.name].taken[before:]
    assert again == [(0.0, one), (1.0, {"part": "ranker", "version": "r2"})]
    assert len(meter._made[ANSWERS.name].taken) == 1
