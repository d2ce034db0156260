"""What an answer, a failure, a refusal and a feedback mean in the instruments of `catalogue.SERVICE`. No Ray.

Ray exports them on the metrics port of each node, with `ray_` before the name (and `_total` after a counter's), beside Ray's
own. `naviyam metrics list` names them all.
"""

from collections.abc import Mapping
from typing import Any

from cluster.telemetry.catalogue import (
    ANSWER_SECONDS,
    ANSWERS,
    ARM_ANSWERS,
    ARM_ERRORS,
    ARM_SECONDS,
    CACHE_LOOKUPS,
    CANDIDATES,
    CANDIDATES_SECONDS,
    DEGRADED,
    EVENT_COMMIT_SECONDS,
    EVENT_FAILURES,
    EVENT_RECORDS,
    EVENT_SYNC_SECONDS,
    FEEDBACK,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    INSIDE,
    INSIDE_LIMIT,
    INTENTS,
    REFUSED,
    REJECTED,
    STAGE_SECONDS,
    TRAFFIC_REVISION,
    VERSION_INFO,
)
from cluster.telemetry.instruments import Counts, Meter
from naviyam.feedback.log import Commit
from naviyam.text.morphemes import cache_lookups


class ServiceMetrics:
    """Counts for one process."""

    def __init__(self, meter: Meter) -> None:
        self._counts = Counts(meter)
        self._versions: dict[str, str] = {}
        self._looked_up: Mapping[str, int] = {}

    def http(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by its route's template."""
        self._counts.take(HTTP_REQUESTS, route=route, method=method, status=status)
        self._counts.take(HTTP_SECONDS, seconds, route=route)

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
            take(ARM_SECONDS, seconds, layer=layer, arm=arm["arm"])
        for layer in metadata.get("arm_errors", ()):
            take(ARM_ERRORS, layer=layer)
        self._serving(metadata.get("versions", {}))
        self._caches()

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

    def inside(self, gate: str, now: int, limit: int) -> None:
        """Tell how many requests a gate holds."""
        self._counts.take(INSIDE, now, gate=gate)
        self._counts.take(INSIDE_LIMIT, limit, gate=gate)

    def traffic(self, revision: int) -> None:
        """Tell which traffic table this process answers by."""
        self._counts.take(TRAFFIC_REVISION, revision)

    def committed(self, commit: Commit) -> None:
        """Count a batch of the event log, written or not. Called in the log's own thread."""
        take, kind = self._counts.take, commit.kind
        if commit.failed:
            take(EVENT_FAILURES, commit.records, kind=kind)
            return
        take(EVENT_RECORDS, commit.records, kind=kind)
        take(EVENT_COMMIT_SECONDS, commit.waited_s, kind=kind)
        take(EVENT_SYNC_SECONDS, commit.wrote_s, kind=kind)

    def _caches(self) -> None:
        now = cache_lookups()
        for result, count in now.items():
            more = count - self._looked_up.get(result, 0)
            if more:
                self._counts.take(CACHE_LOOKUPS, more, cache="morphemes", result=result)
        self._looked_up = now

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
