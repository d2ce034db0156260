"""What the service counts for Prometheus: instruments as data, a port to count on, and what an answer means in them. No Ray.

Ray exports them on the metrics port of each node, with `ray_` before the name (and `_total` after a counter's), beside Ray's own:

| name | kind | labels | what |
|---|---|---|---|
| naviyam_answers | counter | route, outcome, written_by, variant, population | requests answered, or not: outcome is ok, degraded or the code of the failure |
| naviyam_answer_seconds | histogram | route, variant | from arrival to the whole answer |
| naviyam_stage_seconds | histogram | stage | each of the eight stages of a chat answer |
| naviyam_candidates_seconds | histogram | part | retrieval and funnels, inside stage `candidates` |
| naviyam_candidates | histogram | route | shops that reached the ranker |
| naviyam_intents | counter | intent | what messages were taken to want |
| naviyam_degraded | counter | reason | why answers were less than they should be |
| naviyam_rejected | counter | reason | drafts of the model that a check stopped |
| naviyam_refused | counter | gate | requests refused at once because too many are answered |
| naviyam_feedback | counter | type, duplicate, population | clicks, orders, favourites, ratings that are on disk |
| naviyam_arm_answers | counter | layer, arm | answers of experiments; arm is stable or candidate |
| naviyam_arm_errors | counter | layer | answers whose arm could not answer, so that the stable one did |
| naviyam_version_info | gauge | part, version | 1 for what answered last in this process, 0 for what did before |
| naviyam_llm_requests | counter | adapter, outcome | generations: ok, overloaded, failed or gone (its caller left) |
| naviyam_llm_tokens | counter | - | tokens written |
| naviyam_llm_active | gauge | - | generations running or waiting in the engine |
| naviyam_llm_waiting | gauge | - | those of them above `llm.max_num_seqs` |
| naviyam_llm_first_piece_seconds | histogram | adapter | until the first text |
| naviyam_llm_seconds | histogram | adapter | until the last |

Ray 2.60 sums a histogram by the middles of its buckets, so a mean made of `_sum` is rough: read quantiles from the buckets, and
exact times from the event log (`naviyam monitor daily`).

No label names a user, a session, a shop or a word of a message. Each label has at most `MOST_VALUES` values in a process; later
ones are counted under `other`, so that a fault cannot fill Prometheus.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

MOST_VALUES = 40
OTHER = "other"
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0, 12.0)
_COUNTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One metric. `bounds` are a histogram's upper bounds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()
    help: str
    bounds: tuple[float, ...] = ()


def _counter(name: str, *labels: str, text: str) -> Instrument:
    return Instrument(name=f"naviyam_{name}", kind="counter", labels=labels, help=text)


def _gauge(name: str, *labels: str, text: str) -> Instrument:
    return Instrument(name=f"naviyam_{name}", kind="gauge", labels=labels, help=text)


def _histogram(
    name: str, *labels: str, text: str, bounds: tuple[float, ...] = _SECONDS
) -> Instrument:
    return Instrument(
        name=f"naviyam_{name}", kind="histogram", labels=labels, help=text, bounds=bounds
    )


ANSWERS = _counter(
    "answers", "route", "outcome", "written_by", "variant", "population", text="Requests by outcome"
)
ANSWER_SECONDS = _histogram("answer_seconds", "route", "variant", text="Seconds of an answer")
STAGE_SECONDS = _histogram("stage_seconds", "stage", text="Seconds of a stage of a chat answer")
CANDIDATES_SECONDS = _histogram("candidates_seconds", "part", text="Seconds of retrieval, funnels")
CANDIDATES = _histogram("candidates", "route", text="Shops that were ranked", bounds=_COUNTS)
INTENTS = _counter("intents", "intent", text="Messages by intent")
DEGRADED = _counter("degraded", "reason", text="Degraded answers by reason")
REJECTED = _counter("rejected", "reason", text="Drafts that a check stopped")
REFUSED = _counter("refused", "gate", text="Requests refused because too many are answered")
FEEDBACK = _counter("feedback", "type", "duplicate", "population", text="Feedback on disk")
ARM_ANSWERS = _counter("arm_answers", "layer", "arm", text="Answers by arm")
ARM_ERRORS = _counter("arm_errors", "layer", text="Answers whose arm could not answer")
VERSION_INFO = _gauge("version_info", "part", "version", text="1 for what serves")
LLM_REQUESTS = _counter("llm_requests", "adapter", "outcome", text="Generations by outcome")
LLM_TOKENS = _counter("llm_tokens", text="Tokens written")
LLM_ACTIVE = _gauge("llm_active", text="Generations in the engine")
LLM_WAITING = _gauge("llm_waiting", text="Generations that wait for a place")
LLM_FIRST = _histogram("llm_first_piece_seconds", "adapter", text="Seconds to the first text")
LLM_SECONDS = _histogram("llm_seconds", "adapter", text="Seconds of a generation")
SERVICE = (
    ANSWERS, ANSWER_SECONDS, STAGE_SECONDS, CANDIDATES_SECONDS, CANDIDATES, INTENTS, DEGRADED, REJECTED,
    REFUSED, FEEDBACK, ARM_ANSWERS, ARM_ERRORS, VERSION_INFO,
)  # fmt: skip
LANGUAGE_MODEL = (LLM_REQUESTS, LLM_TOKENS, LLM_ACTIVE, LLM_WAITING, LLM_FIRST, LLM_SECONDS)


class Meter(Protocol):
    """Takes one value of one instrument; never fails, never waits."""

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        """Add to a counter, set a gauge or observe in a histogram."""
        ...


@dataclass(slots=True)
class MemoryMeter:
    """Keeps everything, for tests and for a service without Ray."""

    values: dict[tuple[str, tuple[str, ...]], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        key = instrument.name, tuple(labels[name] for name in instrument.labels)
        self.values[key].append(value)

    def total(self, instrument: Instrument, *labels: str) -> float:
        """Return the sum of what was recorded under these labels."""
        return sum(self.values.get((instrument.name, labels), ()))


class NoMeter:
    """Counts nothing."""

    def record(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        return


class Counts:
    """Records on a meter and keeps labels bounded. One a process."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._known: dict[tuple[str, str], set[str]] = defaultdict(set)

    def take(self, instrument: Instrument, value: float = 1.0, **labels: object) -> None:
        """Record a value; a label's text is cut to what Prometheus shows well."""
        bounded = {name: self._bounded(instrument, name, str(v)) for name, v in labels.items()}
        self._meter.record(instrument, value, bounded)

    def _bounded(self, instrument: Instrument, name: str, value: str) -> str:
        known = self._known[instrument.name, name]
        value = value[:80] or "none"
        if value in known:
            return value
        if len(known) >= MOST_VALUES:
            return OTHER
        known.add(value)
        return value


class ServiceMetrics:
    """What an answer, a failure, a refusal and a feedback mean in the instruments of `SERVICE`."""

    def __init__(self, meter: Meter) -> None:
        self._counts = Counts(meter)
        self._versions: dict[str, str] = {}

    def answered(
        self, route: str, metadata: Mapping[str, Any], seconds: float, *, simulated: bool
    ) -> None:
        """Count an answer by its metadata (spec 7)."""
        take, variant = self._counts.take, metadata.get("variant", "stable")
        degraded = bool(metadata.get("degraded"))
        take(
            ANSWERS,
            route=route,
            outcome="degraded" if degraded else "ok",
            written_by=metadata.get("written_by", "none"),
            variant=variant,
            population=_population(simulated),
        )
        take(ANSWER_SECONDS, seconds, route=route, variant=variant)
        take(CANDIDATES, float(metadata.get("candidates", 0)), route=route)
        take(INTENTS, intent=metadata.get("intent", "none"))
        if route == "chat":
            for stage, ms in metadata.get("stages", {}).items():
                take(STAGE_SECONDS, ms / 1_000, stage=stage)
        for part, ms in metadata.get("candidates_ms", {}).items():
            take(CANDIDATES_SECONDS, ms / 1_000, part=part)
        for reason in (metadata.get("degraded_reason") or "").split(", "):
            if reason:
                take(DEGRADED, reason=reason)
        for reason in metadata.get("rejected", ()):
            take(REJECTED, reason=reason)
        for layer, arm in metadata.get("experiments", {}).items():
            take(ARM_ANSWERS, layer=layer, arm=arm["arm"])
        for layer in metadata.get("arm_errors", ()):
            take(ARM_ERRORS, layer=layer)
        self._serving(metadata.get("versions", {}))

    def failed(self, route: str, code: str, *, simulated: bool) -> None:
        """Count a request that was let in and got no answer."""
        self._counts.take(
            ANSWERS,
            route=route,
            outcome=code,
            written_by="none",
            variant="none",
            population=_population(simulated),
        )

    def refused(self, gate: str) -> None:
        """Count a request that was not let in."""
        self._counts.take(REFUSED, gate=gate)

    def feedback(self, kind: str, *, duplicate: bool, simulated: bool) -> None:
        """Count a feedback that is on disk."""
        self._counts.take(
            FEEDBACK,
            type=kind,
            duplicate=str(duplicate).lower(),
            population=_population(simulated),
        )

    def _serving(self, versions: Mapping[str, str]) -> None:
        for part, version in versions.items():
            before = self._versions.get(part)
            if before == version:
                continue
            if before is not None:
                self._counts.take(VERSION_INFO, 0.0, part=part, version=before)
            self._counts.take(VERSION_INFO, 1.0, part=part, version=version)
            self._versions[part] = version


def _population(simulated: bool) -> str:
    return "simulated" if simulated else "real"
