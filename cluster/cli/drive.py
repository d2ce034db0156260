"""Drives the running service over HTTP with the visits of simulated children: bounded, retried, in virtual time.

What is sent and what a child does are `naviyam.simulation`'s; here are connections, waiting, counting and how far it came.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from cluster.cli.client import ServiceError
from cluster.cli.measures import spread
from naviyam.simulation.days import Visit
from naviyam.simulation.users import User, World
from naviyam.simulation.visit import FEEDBACK, Call, Seen, introduce, play

ATTEMPTS: Final = 8
MAX_WAIT_S: Final = 10.0
_TIMEOUT_S: Final = 60.0
_BUSY = frozenset((httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE))
_REPORT_EVERY_S: Final = 5.0


class CallError(ServiceError):
    """One call failed for good; its visit ends."""


class GoneError(ServiceError):
    """Nobody listens any more; the run ends."""


@dataclass(slots=True, kw_only=True)
class Log:
    """What came of a run so far."""

    seen: list[Seen] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of the answered calls, by route."""

    feedback: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    duplicates: int = 0
    not_collected: int = 0
    begun: int = 0
    running: set[int] = field(default_factory=set)

    @property
    def done(self) -> int:
        """Return how many visits from the first on are over: what a next run may skip."""
        return min(self.running, default=self.begun)

    def calls(self) -> dict[str, dict[str, float]]:
        """Return the number of answered calls and their seconds, by route."""
        return {
            route: {"count": len(taken), **spread(taken)}
            for route, taken in sorted(self.seconds.items())
        }


@dataclass(slots=True, kw_only=True)
class Driver:
    """One run.

    Args:
        speed: virtual seconds a real one; 0 is as fast as the service answers.
        backoff_s: half of the first wait after a connection that broke; it doubles.
        note: is given every answer that was looked at, before its feedback is sent.
        report: is given a line of progress now and then.
    """

    world: World
    seed: int
    clients: int
    speed: float = 0.0
    backoff_s: float = 0.2
    note: Callable[[Seen], None] = lambda _: None
    report: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    log: Log = field(default_factory=Log)
    _http: httpx.AsyncClient = field(init=False)
    _introduced: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def run(
        self, http: httpx.AsyncClient, visits: Iterator[tuple[User, Visit]], *, skip: int = 0
    ) -> None:
        """Play the visits in their order, `clients` at a time, without the first `skip`.

        Raises:
            GoneError: the service is not there, or no longer.
        """
        self._http = http
        numbered = ((n, *pair) for n, pair in enumerate(visits) if n >= skip)
        self.log.begun = skip
        pace = _Pace(self.speed, self.sleep)
        reporting = asyncio.create_task(self._report())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.clients):
                    group.create_task(self._work(numbered, pace))
        except* GoneError as errors:
            raise errors.exceptions[0] from None
        finally:
            for task in (reporting, *self._introduced.values()):
                task.cancel()

    async def _work(self, visits: Iterator[tuple[int, User, Visit]], pace: "_Pace") -> None:
        for number, user, visit in visits:
            self.log.running.add(number)
            self.log.begun = number + 1
            await pace.wait(visit.time)
            try:
                await self._introduce(user)
                await self._play(user, visit)
            except CallError as e:
                self.log.problems[str(e)] += 1
            self.log.running.discard(number)

    async def _introduce(self, user: User) -> None:
        """Make the profile once a run; whoever comes meanwhile waits for it."""
        task = self._introduced.get(user.number)
        if task is None:
            task = asyncio.create_task(self._profile(user))
            self._introduced[user.number] = task
        await task

    async def _profile(self, user: User) -> None:
        await self._send(introduce(user), route="/users")

    async def _play(self, user: User, visit: Visit) -> None:
        script = play(self.world, user, visit, seed=self.seed)
        answer: Mapping[str, Any] | None = None
        while True:
            try:
                step = script.send(answer)
            except StopIteration:
                return
            if isinstance(step, Seen):
                self.log.seen.append(step)
                self.note(step)
                answer = None
            else:
                answer = await self._send(step, route=step.path)
                self._count(step, answer)

    def _count(self, call: Call, answer: Mapping[str, Any]) -> None:
        if call.path != FEEDBACK:
            return
        self.log.feedback[call.body["feedback_type"]] += 1
        self.log.duplicates += bool(answer.get("duplicate"))
        self.log.not_collected += not answer.get("collected", True)

    async def _send(self, call: Call, *, route: str) -> Mapping[str, Any]:
        """Return the JSON answer; ask again where the service is busy or a connection broke.

        Raises:
            CallError: it refuses the call, or failed `ATTEMPTS` times.
            GoneError: nobody listened `ATTEMPTS` times.
        """
        why = ""
        for attempt in range(1, ATTEMPTS + 1):
            began = time.perf_counter()
            try:
                response = await self._http.request(call.method, call.path, json=dict(call.body))
            except httpx.HTTPError as e:
                why, wait_s = type(e).__name__, self.backoff_s * 2**attempt
            else:
                if response.is_success:
                    self.log.seconds.setdefault(route, []).append(time.perf_counter() - began)
                    answer: dict[str, Any] = response.json()
                    return answer
                why, wait_s = _problem(response), _retry_after_s(response)
                if response.status_code not in _BUSY:
                    raise CallError(f"{call.method} {route}: {why}")
            if attempt < ATTEMPTS:
                self.log.retried += 1
                await self.sleep(min(wait_s, MAX_WAIT_S))
        if why == httpx.ConnectError.__name__:
            raise GoneError(
                f"nobody listens at {self._http.base_url} after {ATTEMPTS} attempts; "
                "start the service with `naviyam up`"
            )
        raise CallError(f"{call.method} {route}: {why} in {ATTEMPTS} attempts")

    async def _report(self) -> None:
        began = time.perf_counter()
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            calls = sum(map(len, self.log.seconds.values()))
            rate = calls / (time.perf_counter() - began)
            self.report(f"{self.log.done:,} visits done, {calls:,} calls, {rate:.0f} a second")


class _Pace:
    """Holds visits back until their virtual time has come."""

    def __init__(self, speed: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._speed = speed
        self._sleep = sleep
        self._began: tuple[float, datetime] | None = None

    async def wait(self, due: datetime) -> None:
        if not self._speed:
            return
        if self._began is None:
            self._began = (time.perf_counter(), due)
        real, virtual = self._began
        left_s = (due - virtual).total_seconds() / self._speed - (time.perf_counter() - real)
        await self._sleep(max(0.0, left_s))


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return max(0.1, float(response.headers.get("retry-after", "1")))
    except ValueError:
        return 1.0


def _problem(response: httpx.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        found = {}
    return f"{response.status_code} {found.get('code', '')} {found.get('detail', '')}".strip()[:200]


def client(
    base_url: str, *, clients: int, credentials: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """Return a client with as many connections as there are simulated ones."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=_TIMEOUT_S,
        limits=limits,
        trust_env=False,
        headers=credentials,
    )
