"""The running service over HTTP, as the verbs use it: JSON calls and `/chat` as a stream of events.

A call that breaks off where a node or a replica dies is made a second time, where that does no harm.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from naviyam.errors import InputError, NaviyamError, NotFoundError

AGAIN_AFTER_S = 0.3
"""Pause before a second try: what dies with a node dies within it, and a second try at once may meet that."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_CUT_OFF = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_HARMLESS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class ServiceError(NaviyamError, RuntimeError):
    """The service did not answer, or answered with a problem."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """One `/chat` answer as received; times in seconds since the request left."""

    body: dict[str, Any] = field(default_factory=dict)
    first_event_s: float | None = None
    recommendations_s: float | None = None
    first_sentence_s: float | None = None
    total_s: float = 0.0


class ServiceClient:
    """Blocking calls to one service, with this machine's key where it has one."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 30.0,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = base_url
        self._client = httpx.Client(
            base_url=base_url, timeout=timeout_s, trust_env=False, headers=credentials
        )

    def __enter__(self) -> "ServiceClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the JSON answer.

        Raises:
            InputError: the service refused the request as wrong.
            NotFoundError: it knows no such thing.
            ServiceError: it did not answer, or failed.
        """
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            if not may_ask_again(error, method, body):
                raise self._unreachable(error) from error
            response = self._second(method, path, body)
        _check(response)
        answer: dict[str, Any] = response.json()
        return answer

    def chat(self, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the events of one streamed `/chat` answer as (name, data).

        One that breaks off before its first event is asked a second time.
        """
        begun = False
        try:
            for event in self._events(body):
                begun = True
                yield event
        except httpx.HTTPError as error:
            if begun or not isinstance(error, (*_NOTHING_SENT, *_CUT_OFF)):
                raise self._unreachable(error) from error
        else:
            return
        time.sleep(AGAIN_AFTER_S)
        try:
            yield from self._events(body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _events(self, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        headers = {"Accept": "text/event-stream"}
        with self._client.stream("POST", "/chat", json=body, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                _check(response)
            yield from parse_events(response.iter_lines())

    def _second(self, method: str, path: str, body: object) -> httpx.Response:
        time.sleep(AGAIN_AFTER_S)
        try:
            return self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def ask(self, body: dict[str, Any]) -> Answer:
        """Ask `/chat`, wait for the whole answer and keep the times of its parts."""
        answer = Answer()
        started = time.perf_counter()
        for name, data in self.chat(body):
            observe(answer, name, data, time.perf_counter() - started)
        answer.total_s = time.perf_counter() - started
        if not answer.body:
            raise ServiceError("the stream ended without `done`")
        return answer

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(
            f"the service at {self._base_url} does not answer ({type(error).__name__}); "
            "start it with `naviyam up`"
        )


def may_ask_again(error: httpx.HTTPError, method: str, body: object) -> bool:
    """Return whether a second try cannot do twice what the first did: nothing was sent, or it may be done twice."""
    if isinstance(error, _NOTHING_SENT):
        return True
    keyed = isinstance(body, dict) and bool(body.get("idempotency_key"))
    return isinstance(error, _CUT_OFF) and (method.upper() in _HARMLESS or keyed)


def observe(answer: Answer, name: str, data: dict[str, Any], elapsed_s: float) -> None:
    """Take one event into `answer`.

    Raises:
        ServiceError: the event is `error`.
    """
    if answer.first_event_s is None:
        answer.first_event_s = elapsed_s
    match name:
        case "recommendations":
            answer.recommendations_s = elapsed_s
        case "delta" if answer.first_sentence_s is None:
            answer.first_sentence_s = elapsed_s
        case "done":
            answer.body = data
        case "error":
            raise ServiceError(str(data.get("detail") or data.get("title") or data))


def parse_events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, data) from the lines of a server-sent event stream."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, json.loads(data)
            name, data = "message", ""


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = problem.get("detail") or problem.get("title") or response.text[:200]
    message = f"{response.status_code} {problem.get('code', '')}: {detail}".replace(" :", ":")
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotFoundError(message)
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        wait = response.headers.get("retry-after", "a few")
        raise ServiceError(f"{message} (try again in {wait} s)")
    if response.is_client_error:
        raise InputError(message)
    raise ServiceError(message)
