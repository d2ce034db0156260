"""A steady crowd at several doors: clients that ask without pause, each request counted, its number changed while they ask.

Doors are the balancers of the nodes. As a load balancer in front of them would, the crowd asks only at those that say that
they are well, and goes to the next where a connection is refused. What was cut off it asks once more, as our clients do.
"""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from cluster.cli.client import AGAIN_AFTER_S
from cluster.cli.load import Ask, ask_chat
from cluster.cli.measures import Sample, quantile
from cluster.cli.questions import conversations

_HEALTH = "/-/healthz"
_LOOK_EVERY_S = 0.5
_LOOK_TIMEOUT_S = 1.0
_PATIENCE_S = 30.0
_NUMBER_EVERY_S = 0.1
_LIMITS = httpx.Limits(max_connections=512, max_keepalive_connections=64, keepalive_expiry=2.0)
_DOORS_TRIED = 4
_REFUSED = frozenset({"ConnectError", "ConnectTimeout"})
_BROKEN = frozenset({0, 500, 502, 504})
"""Statuses of a request that was cut off: no answer, or the balancer's own word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as its client saw it. `at_s`: when it ended, since the crowd began; `again`: it was asked twice."""

    at_s: float
    sample: Sample
    door: str
    again: bool = False
    first: str = ""
    """What became of the first attempt of one that was asked twice."""

    @property
    def failed(self) -> bool:
        """Whether the client was left without an answer; refused with Retry-After is an answer."""
        s = self.sample
        return not (200 <= s.status < 300 and not s.problem) and not (
            s.status == httpx.codes.SERVICE_UNAVAILABLE and s.retry_after
        )


@dataclass(slots=True)
class Doors:
    """Where to ask. `offer` names doors; `well` are those that answered last."""

    offered: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def offer(self, urls: Iterable[str]) -> None:
        """Replace the doors that are known; new ones are used once they are well."""
        self.offered = tuple(dict.fromkeys(urls))

    def pick(self, *, but: str = "") -> str:
        """Return the next well door, another than `but` where there is one."""
        well = self.well or self.offered
        others = [door for door in well if door != but] or list(well)
        return others[next(self._turn) % len(others)]

    async def look(self, http: httpx.AsyncClient) -> None:
        """Ask each door whether it is well."""
        doors = self.offered
        found = await asyncio.gather(*(_is_well(http, door) for door in doors))
        self.well = tuple(door for door, well in zip(doors, found, strict=True) if well)


async def _is_well(http: httpx.AsyncClient, door: str) -> bool:
    try:
        answer = await http.get(door + _HEALTH, timeout=_LOOK_TIMEOUT_S)
    except httpx.HTTPError:
        return False
    return answer.is_success


class Crowd:
    """Clients in a thread of their own. `clients` and `think_s` may be set while they ask.

    Args:
        doors: where to ask.
        ask: one request.
        context: sent with each question.
        think_s: pause of a client between an answer and its next question.
        seed: of the questions.
    """

    def __init__(
        self, doors: Doors, ask: Ask, *, context: dict[str, Any], think_s: float, seed: int
    ) -> None:
        self.doors, self.clients, self.asked = doors, 0, list[Asked]()
        self._ask, self._context, self.think_s, self._seed = ask, context, think_s, seed
        self._began_s = time.monotonic()
        self._http: dict[str, httpx.AsyncClient] = {}
        # One pool for all doors: an idle connection to a door that nobody asks any more is closed too, as it holds that node.
        self._connections = httpx.AsyncHTTPTransport(limits=_LIMITS, trust_env=False)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=_PATIENCE_S + 5)

    @property
    def now_s(self) -> float:
        """Seconds since the crowd began."""
        return time.monotonic() - self._began_s

    async def _run(self) -> None:
        async with self._connections:
            looking = asyncio.create_task(self._look())
            tasks: dict[int, asyncio.Task[None]] = {}
            while not self._stopped.is_set():
                for number in range(self.clients):
                    if number not in tasks or tasks[number].done():
                        tasks[number] = asyncio.create_task(self._client(number))
                await asyncio.sleep(_NUMBER_EVERY_S)
            await asyncio.gather(*tasks.values())
            looking.cancel()

    async def _look(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=_LOOK_TIMEOUT_S) as http:
            while True:
                await self.doors.look(http)
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _client(self, number: int) -> None:
        rng = random.Random(self._seed * 1_000 + number)
        for question in itertools.chain.from_iterable(conversations(rng, count=10_000)):
            if self._stopped.is_set() or number >= self.clients:
                return
            user = f"crowd_{number}"
            body = {"user_id": user, "message": question.text, "context": self._context}
            self.asked.append(await self._once(body))
            await asyncio.sleep(self.think_s * (0.5 + rng.random()))

    async def _once(self, body: dict[str, Any]) -> Asked:
        door, sample = await self._at_an_open_door(body)
        if sample.status not in _BROKEN and not sample.problem:
            return Asked(at_s=self.now_s, sample=sample, door=door)
        first = sample.problem or str(sample.status)
        await asyncio.sleep(AGAIN_AFTER_S)
        door, second = await self._at_an_open_door(body, but=door)
        whole = replace(second, seconds=second.seconds + sample.seconds)
        return Asked(at_s=self.now_s, sample=whole, door=door, again=True, first=first)

    async def _at_an_open_door(self, body: dict[str, Any], *, but: str = "") -> tuple[str, Sample]:
        """Ask at a door that opens: where a connection is refused, nothing was sent, and a load balancer takes the next."""
        for _ in range(_DOORS_TRIED):
            door = self.doors.pick(but=but)
            sample = await self._ask(self._through(door), body)
            if sample.problem not in _REFUSED:
                break
            but = door
        return door, sample

    def _through(self, door: str) -> httpx.AsyncClient:
        if door not in self._http:
            self._http[door] = httpx.AsyncClient(
                base_url=door, trust_env=False, timeout=_PATIENCE_S, transport=self._connections
            )
        return self._http[door]


def chatting_crowd(door: str, point: tuple[float, float], *, seed: int) -> Crowd:
    """Return a crowd of children who chat near a point (degrees), half a second of thought between two messages."""
    latitude, longitude = point
    return Crowd(
        Doors(offered=(door,)),
        ask_chat,
        context={"latitude": latitude, "longitude": longitude},
        think_s=0.5,
        seed=seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What came of the requests that ended in some seconds."""

    requests: int
    rps: float
    failed: int
    refused: int
    again: int
    p50_s: float
    p95_s: float


def count(asked: Sequence[Asked], *, since_s: float, until_s: float) -> Count:
    """Return the figures of a stretch of time."""
    found = [a for a in asked if since_s <= a.at_s < until_s]
    failed = sum(a.failed for a in found)
    answered = [a.sample.seconds for a in found if not a.failed]
    refused = sum(a.sample.status == httpx.codes.SERVICE_UNAVAILABLE for a in found) - sum(
        a.failed and a.sample.status == httpx.codes.SERVICE_UNAVAILABLE for a in found
    )
    return Count(
        requests=len(found),
        rps=round(len(found) / max(until_s - since_s, 1e-9), 1),
        failed=failed,
        refused=refused,
        again=sum(a.again for a in found),
        p50_s=quantile(answered, 0.5),
        p95_s=quantile(answered, 0.95),
    )
