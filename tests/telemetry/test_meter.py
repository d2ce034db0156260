from cluster.ray_io.meter import RayMeter
from cluster.telemetry.catalogue import ANSWER_SECONDS, DEGRADED, INSIDE


class Kind:
    """Stands for a class of Ray's metrics."""

    def __init__(self, taken):
        self.taken = taken

    def __call__(self, name, *, description, tag_keys, boundaries=None):
        def note(value, labels):
            self.taken.append((name, value, labels))

        return type("Made", (), dict.fromkeys(("inc", "set", "observe"), staticmethod(note)))()


class Kinds:
    def __init__(self):
        self.taken = []
        self.Counter = self.Gauge = self.Histogram = Kind(self.taken)


def test_gauges_are_set_again_because_ray_forgets_them():
    kinds = Kinds()
    meter = RayMeter((INSIDE, DEGRADED, ANSWER_SECONDS), kinds)
    meter.record(INSIDE, 2.0, {"gate": "chats"})
    meter.record(INSIDE, 1.0, {"gate": "chats"})
    meter.record(DEGRADED, 1.0, {"reason": "x"})
    meter.record(DEGRADED, 0.0, {"reason": "x"})
    meter.record(ANSWER_SECONDS, 0.5, {"route": "chat", "variant": "stable"})
    before = len(kinds.taken)
    assert before == 4
    meter.remind()
    assert kinds.taken[before:] == [("naviyam_inside", 1.0, {"gate": "chats"})]
