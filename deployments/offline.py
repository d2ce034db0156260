"""`python -m deployments.offline`: writes many answers with the real parts in one process, for the evaluation. No Ray.

Seeded conversations go through the pipeline as the service runs it: understanding, search, ranking, the writer, its
checks and its fallback. Nothing is kept of them but the file. Sampling is the service's; only the limits on time are
lifted, so that the load of a batch does not look like a fault of the model. Running it again goes on where it stopped.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from cluster.cli.questions import Question
from cluster.registry.champion import adapter_version
from deployments.offline_ports import NotingGenerator, NotingWriter, Nowhere, filled
from deployments.offline_talks import Talk, talks
from deployments.runtime import RuntimeBuilder
from deployments.state import State
from deployments.versioned import published
from naviyam.catalog.store import Catalog
from naviyam.clock import Clock, SystemClock
from naviyam.dialogue.in_memory import InMemoryMemory, InMemoryProfiles
from naviyam.dialogue.pipeline import Pipeline
from naviyam.dialogue.turn import Done, Turn
from naviyam.errors import ConflictError, NaviyamError
from naviyam.evaluation.written import (
    AnswerFile,
    Header,
    WrittenAnswer,
    append_answers,
    read_answers,
    writing_code,
)
from naviyam.retrieval.encoder import load_encoder
from naviyam.settings import Settings

if TYPE_CHECKING:
    from deployments.engine import LLMEngine

_ENGINE_MODULE = "deployments.engine"
"""Imports vLLM, which takes 12 s; the template writer needs none of it."""

_NO_LIMIT_S = 3_600.0
_FACTS = (
    "rank", "shop_id", "name", "category", "address", "menus", "meal_card", "is_good_influence_shop",
    "distance_m", "walk_minutes", "open_now",
)  # fmt: skip
_METADATA = (
    "intent", "filters", "relaxed", "place", "method", "written_by", "degraded_reason", "rejected",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that one run writes with."""

    pipeline: Pipeline
    writer: NotingWriter
    generator: NotingGenerator | None
    tokenizer: Tokenizer | None
    clock: Clock
    at_once: int

    async def hold(self, talk: Talk) -> tuple[WrittenAnswer, ...]:
        """Hold one conversation and return its answers."""
        answers = []
        for turn, question in enumerate(talk.turns):
            answers.append(await self._answer(talk, turn, question))
        return tuple(answers)

    async def _answer(self, talk: Talk, turn: int, question: Question) -> WrittenAnswer:
        done = await self._done(
            Turn(
                interaction_id=f"o_{talk.number}_{turn}",
                user_id=f"offline_{talk.number}",
                session_id=f"offline_{talk.number}",
                message=question.text,
                context=talk.context,
                received_s=self.clock.monotonic_s(),
            )
        )
        raw = self.generator.take(done.interaction_id) if self.generator else ""
        request = self.writer.requests.pop(done.interaction_id, None)
        return WrittenAnswer(
            talk=talk.number,
            turn=turn,
            message=question.text,
            kind=question.kind,
            budget_won=question.budget_won,
            open_now=question.open_now,
            card=question.card,
            answer=_outside(done),
            draft=filled(raw, request) if request else "",
            tokens=len(self.tokenizer.encode(raw).ids) if self.tokenizer and raw else 0,
            write_s=round(done.metadata["stages"].get("write", 0.0) / 1_000, 4),
            at_once=self.at_once,
        )

    async def _done(self, turn: Turn) -> Done:
        async with aclosing(self.pipeline.run(turn)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event
        raise AssertionError("a turn ended without an answer")


def _outside(done: Done) -> dict[str, Any]:
    """Return what an outsider sees and the check needs of an answer."""
    whole = done.to_dict()
    return {
        "response": whole["response"],
        "recommendations": [{k: r[k] for k in _FACTS if k in r} for r in whole["recommendations"]],
        "metadata": {k: whole["metadata"][k] for k in _METADATA},
    }


def settings_for(settings: Settings, writer: str, *, at_once: int) -> Settings:
    """Return the settings of one writer: no limit on time, no adapters besides the champion, the plain base for `base`."""
    llm: dict[str, Any] = {"enabled": writer != "template", "max_num_seqs": at_once, "max_loras": 0}
    if writer == "base":
        llm |= {"adapter": ""}
    limits = {"first_token_timeout_s": _NO_LIMIT_S, "total_timeout_s": _NO_LIMIT_S}
    return settings.model_copy(
        update={
            "llm": settings.llm.model_copy(update=llm),
            "writing": settings.writing.model_copy(update=limits),
            "serving": settings.serving.model_copy(update={"request_timeout_s": 2 * _NO_LIMIT_S}),
        }
    )


async def run(
    settings: Settings, *, writer: str, count: int, seed: int, out: Path, at_once: int
) -> dict[str, Any]:
    """Write until `out` holds `count` answers of the writer; return the figures of this run.

    Raises:
        ConflictError: `out` holds answers of another writer, adapter, catalogue, code or seed.
    """
    clock = SystemClock()
    settings = settings_for(settings, writer, at_once=at_once)
    header = Header(
        writer=writer,
        base=settings.llm.base if writer != "template" else "none",
        adapter=adapter_version(settings) if writer != "template" else "none",
        catalog=published(settings).catalog,
        code=writing_code(),
        seed=seed,
    )
    held = _begun(out, header)
    engine: LLMEngine | None = None
    if writer != "template":
        module = import_module(_ENGINE_MODULE)
        engine = await module.LLMEngine.start(settings, environ=os.environ)
    try:
        bench, catalog = _bench(settings, engine, clock, at_once=at_once)
        offered = talks(catalog, seed=seed)
        return await _hold_all(bench, offered, header, held, count=count, out=out)
    finally:
        if engine is not None:
            await engine.stop()


def _bench(
    settings: Settings, engine: "LLMEngine | None", clock: Clock, *, at_once: int
) -> tuple[Bench, Catalog]:
    generator = NotingGenerator(engine) if engine else None
    writer = NotingWriter(settings.writing, generator, clock)
    encoder = load_encoder(settings.retrieval)
    builder = RuntimeBuilder(settings, clock, encoder=encoder, generator=None)
    runtime = builder.build(_no_state(clock), writer=writer)
    bench = Bench(
        pipeline=runtime.pipeline,
        writer=writer,
        generator=generator,
        tokenizer=_tokenizer(engine),
        clock=clock,
        at_once=at_once,
    )
    return bench, runtime.catalog


def _begun(out: Path, header: Header) -> AnswerFile:
    held = read_answers(out) or AnswerFile(header=header, answers=())
    if held.header != header:
        raise ConflictError(
            f"{out} holds answers of {held.header}, not of {header}; name another file or remove it"
        )
    return held


async def _hold_all(
    bench: Bench,
    offered: Iterator[Talk],
    header: Header,
    held: AnswerFile,
    *,
    count: int,
    out: Path,
) -> dict[str, Any]:
    """Hold conversations, `at_once` at a time, until there are enough answers."""
    done = {a.talk for a in held.answers}
    have, began_with = len(held.generated), len(held.generated)
    tokens, began_s = 0, bench.clock.monotonic_s()

    async def work() -> None:
        nonlocal have, tokens
        while have < count:
            talk = next(t for t in offered if t.number not in done)
            answers = await bench.hold(talk)
            append_answers(out, header, answers)
            before = have
            have += sum(a.generated for a in answers)
            tokens += sum(a.tokens for a in answers)
            if before // 100 != have // 100:
                seconds = bench.clock.monotonic_s() - began_s
                sys.stderr.write(f"{have} of {count} answers, {tokens / seconds:.0f} tokens/s\n")

    async with asyncio.TaskGroup() as group:
        for _ in range(bench.at_once):
            group.create_task(work())
    seconds = bench.clock.monotonic_s() - began_s
    return {
        "out": str(out),
        "answers": have,
        "written_now": have - began_with,
        "seconds": round(seconds, 1),
        "tokens": tokens,
        "tokens_per_s": round(tokens / seconds, 1) if seconds else 0.0,
        "at_once": bench.at_once,
    }


def _no_state(clock: Clock) -> State:
    return State(
        memory=InMemoryMemory(clock, ttl_s=_NO_LIMIT_S),
        profiles=InMemoryProfiles(),
        events=Nowhere(),
        key=b"offline",
        close=lambda: None,
    )


def _tokenizer(engine: "LLMEngine | None") -> Tokenizer | None:
    return Tokenizer.from_file(str(engine.served.model / "tokenizer.json")) if engine else None


def main() -> int:
    """Parse the command line and write; progress goes to standard error, the figures to standard output."""
    parser = argparse.ArgumentParser(prog="python -m deployments.offline", description=__doc__)
    parser.add_argument("--config", type=Path, help="settings file; none means the defaults")
    parser.add_argument("--count", type=int, default=40, help="answers that the file is to hold")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; is continued")
    parser.add_argument("--writer", choices=("llm", "template", "base"), default="llm")
    parser.add_argument("--at-once", type=int, default=16, help="answers written at a time")
    parser.add_argument("--threads", type=int, help="cores to compute on; none means all")
    arguments = parser.parse_args()
    if arguments.threads:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-arguments.threads :])
    try:
        found = asyncio.run(
            run(
                Settings.load(arguments.config),
                writer=arguments.writer,
                count=arguments.count,
                seed=arguments.seed,
                out=arguments.out,
                at_once=arguments.at_once,
            )
        )
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
