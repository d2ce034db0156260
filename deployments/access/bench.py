"""What the access layer costs: `python -m deployments.access.bench`. One process, one core, no socket: a table of microseconds."""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Body, FastAPI, Request
from starlette.types import Message

from cluster.access.keys import Role, new_key, new_secret
from cluster.access.sql_store import SqlKeys
from cluster.database import database_url
from deployments.access import layer
from deployments.access.desk import Desk
from naviyam.clock import SystemClock
from naviyam.settings import Settings

_REQUESTS = 1_500
_ROUNDS = 5
_USERS = 500
_BODY = Body()


def _settings(state: Path, replicas: int) -> Settings:
    return Settings.parse(
        {
            "paths": {"state": str(state)},
            "serving": {"ingress": {"max_replicas": replicas}},
            "access": {"key_requests": {"requests": 10_000_000}},
        }
    )


def _app(desk: Desk | None) -> FastAPI:
    app = FastAPI(openapi_url=None)
    if desk is not None:
        layer.install(app, desk)
        admit = layer.user_gate(desk, lambda user_id, space: user_id)

    @app.post("/chat")
    async def chat(request: Request, body: dict[str, Any] = _BODY) -> dict[str, Any]:
        if desk is not None:
            await admit(request, "user_chats", body["user_id"])
        return {}

    return app


async def _round(app: FastAPI, headers: list[tuple[bytes, bytes]], address: str) -> float:
    """Return microseconds a request."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message

    began = time.perf_counter()
    for number in range(_REQUESTS):
        body = json.dumps({"user_id": f"u_{number % _USERS}"}).encode()
        sent: list[Message] = [{"type": "http.request", "body": body}]

        async def receive(sent: list[Message] = sent) -> Message:
            return sent.pop()

        scope = {
            "type": "http", "method": "POST", "path": "/chat", "raw_path": b"/chat", "scheme": "http",
            "query_string": b"", "headers": headers, "client": (address, 1), "server": ("b", 80),
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)
    return (time.perf_counter() - began) / _REQUESTS * 1e6


async def _measure(state: Path) -> dict[str, float]:
    """Return the median over rounds that take turns, so that a busy moment meets all alike."""
    one, two = _settings(state, 1), _settings(state, 2)
    secret = new_secret()
    now = SystemClock().now()
    key = new_key(secret, name="bench", role=Role.CLIENT, now=now, by="bench")
    SqlKeys(database_url(one)).add(key)
    json_body = (b"content-type", b"application/json")
    keyed = [json_body, (b"authorization", f"Bearer {secret}".encode())]
    fresh: dict[str, Callable[[], tuple[FastAPI, list[tuple[bytes, bytes]], str]]] = {
        "no layer": lambda: (_app(None), [json_body], "127.0.0.1"),
        "layer, no address known": lambda: (_app(Desk.of(one)), [json_body], "127.0.0.1"),
        "layer, an address": lambda: (_app(Desk.of(one)), [json_body], "203.0.113.5"),
        "layer, a key": lambda: (_app(Desk.of(one)), keyed, "203.0.113.5"),
        "layer, a key, counts shared (SQLite)": lambda: (_app(Desk.of(two)), keyed, "203.0.113.5"),
    }
    taken: dict[str, list[float]] = {name: [] for name in fresh}
    for _ in range(_ROUNDS):
        for name, make in fresh.items():
            taken[name].append(await _round(*make()))
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_measure(Path(folder)))
    bare = found["no layer"]
    for name, us in found.items():
        sys.stdout.write(f"{name:40} {us:8.0f} us {1e6 / us:8.0f} /s {us - bare:+8.0f} us\n")


if __name__ == "__main__":
    main()
