"""Bounded load on the service of this machine: n clients, each one request at a time, for some seconds."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from cluster.cli.client import Answer, ServiceError, observe
from cluster.cli.measures import Sample
from cluster.cli.questions import conversations

Ask = Callable[[httpx.AsyncClient, dict[str, Any]], Awaitable[Sample]]
_PATIENCE_S = 30.0


async def load(
    base_url: str,
    ask: Ask,
    *,
    clients: int,
    seconds: float,
    context: dict[str, Any],
    seed: int,
    credentials: Mapping[str, str] | None = None,
) -> tuple[list[Sample], float]:
    """Return the samples of all clients and the wall time."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    samples: list[Sample] = []
    began = time.perf_counter()
    async with httpx.AsyncClient(
        base_url=base_url,
        timeout=_PATIENCE_S,
        limits=limits,
        trust_env=False,
        headers=credentials,
    ) as http:

        async def client(number: int) -> None:
            rng = random.Random(seed * 1_000 + number)
            while time.perf_counter() - began < seconds:
                for question, *_ in conversations(rng, count=20):
                    if time.perf_counter() - began >= seconds:
                        return
                    sample = await ask(
                        http,
                        {
                            "user_id": f"bench_{number}",
                            "message": question.text,
                            "context": context,
                        },
                    )
                    samples.append(sample)
                    if sample.status == httpx.codes.SERVICE_UNAVAILABLE:
                        await asyncio.sleep(0.5 + rng.random())

        await asyncio.gather(*(client(n) for n in range(clients)))
    return samples, time.perf_counter() - began


async def ask_recommendations(http: httpx.AsyncClient, body: dict[str, Any]) -> Sample:
    """POST /recommendations."""
    began = time.perf_counter()
    sent = {"user_id": body["user_id"], "query": body["message"], "context": body["context"]}
    try:
        response = await http.post("/recommendations", json=sent)
    except httpx.HTTPError as error:
        return _lost(began, error)
    metadata = response.json().get("metadata", {}) if response.is_success else {}
    return Sample(
        seconds=time.perf_counter() - began,
        status=response.status_code,
        retry_after="retry-after" in response.headers,
        degraded_reason=metadata.get("degraded_reason"),
    )


async def ask_chat(http: httpx.AsyncClient, body: dict[str, Any]) -> Sample:
    """POST /chat, streamed."""
    began = time.perf_counter()
    answer = Answer()
    headers = {"Accept": "text/event-stream"}
    problem = ""
    try:
        async with http.stream("POST", "/chat", json=body, headers=headers) as response:
            name = "message"
            async for line in response.aiter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    observe(answer, name, json.loads(line[5:]), time.perf_counter() - began)
    except ServiceError as error:
        problem = f"event error: {error}"
    except (httpx.HTTPError, ValueError) as error:
        return _lost(began, error)
    if response.is_success and not answer.body and not problem:
        problem = "the stream ended without done"
    metadata = answer.body.get("metadata", {})
    return Sample(
        seconds=time.perf_counter() - began,
        status=response.status_code,
        retry_after="retry-after" in response.headers,
        problem=problem if response.is_success else "",
        first_event_s=answer.first_event_s,
        recommendations_s=answer.recommendations_s,
        first_sentence_s=answer.first_sentence_s,
        shops=len(answer.body.get("recommendations", ())),
        written_by=str(metadata.get("written_by", "")),
        degraded_reason=metadata.get("degraded_reason"),
    )


def _lost(began: float, error: Exception) -> Sample:
    return Sample(seconds=time.perf_counter() - began, status=0, problem=type(error).__name__)
