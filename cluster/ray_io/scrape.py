"""The Prometheus pages of every node of a Ray cluster, read at once and for a bounded time. Plain HTTP, no Ray import.

Each node's agent exports what all processes on it count, so that all pages together are all replicas. Which nodes there are
the dashboard tells (`/api/prometheus/sd`). Ray's processes hand their counts over every 10 s or so: figures of a
shorter span than that are not smooth.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cluster.monitoring.scrapes import Page, Scrape, page_of
from cluster.ray_io.serve import ServeError
from naviyam.clock import Clock

_PREFIX = "ray_"
_WANTED = (
    "ray_naviyam_",
    "ray_serve_replica_processing_queries",
    "ray_serve_deployment_queued_queries",
)
_NOT_TELLING = frozenset(
    (
        "Component",
        "SessionName",
        "Version",
        "application",
        "otel_scope_name",
        "otel_scope_version",
        "otel_scope_schema_url",
    )
)
_AT_ONCE = 8
_MOST_BYTES = 32 * 2**20


class Scraper(Protocol):
    """Reads what all processes of a service have counted."""

    def scrape(self) -> Scrape:
        """Return the pages of all targets by now; blocks for a bounded time.

        Raises:
            NaviyamError: nobody tells which targets there are, or none answers.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RayScraper:
    """`Scraper` of the Ray cluster behind `dashboard_url`."""

    dashboard_url: str
    clock: Clock
    timeout_s: float = 3.0
    """For each request; all nodes are asked at the same time."""

    _client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False))
    """One for all: to make one costs more than to read a page."""

    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="scrape")
    )

    def scrape(self) -> Scrape:
        targets = self._targets()
        found = dict(zip(targets, self._pool.map(self._page, targets), strict=True))
        pages = {target: page for target, page in found.items() if page is not None}
        missing = tuple(target for target in targets if target not in pages)
        if not pages:
            raise ServeError(f"no metrics page answers of {', '.join(targets) or 'no node'}")
        return Scrape(at_s=self.clock.monotonic_s(), pages=pages, missing=missing)

    def _targets(self) -> list[str]:
        try:
            answer = self._get(f"{self.dashboard_url}/api/prometheus/sd").json()
            return sorted({target for group in answer for target in group["targets"]})
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as e:
            raise ServeError(
                f"Ray at {self.dashboard_url} does not tell its metrics pages ({type(e).__name__}: {e})"
            ) from e

    def _page(self, target: str) -> Page | None:
        try:
            return parse_page(self._get(f"http://{target}/metrics").text)
        except (httpx.HTTPError, ValueError):
            return None

    def _get(self, url: str) -> httpx.Response:
        answer = self._client.get(url, timeout=self.timeout_s)
        answer.raise_for_status()
        if len(answer.content) > _MOST_BYTES:
            raise ValueError(f"{url} sent {len(answer.content)} bytes, limit {_MOST_BYTES}")
        return answer


def parse_page(text: str) -> Page:
    """Return what is wanted of a page: the service's own instruments and Serve's queues, without Ray's prefix."""
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)]
    samples = (
        (sample.name, _plain(sample.labels), sample.value)
        for family in text_string_to_metric_families("\n".join([*lines, ""]))
        for sample in family.samples
    )
    return page_of(samples, rename=lambda name: name.removeprefix(_PREFIX), without=_NOT_TELLING)


def _plain(labels: Mapping[str, str] | None) -> Mapping[str, str]:
    return labels or {}
