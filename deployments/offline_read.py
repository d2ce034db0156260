"""`python -m deployments.offline_read`: asks the `nlu` adapter what the other layers are unsure of, for the evaluation. No Ray.

The engine, the merged champion and the adapter beside it are the service's; messages are read one at a time. Running it again
goes on where it stopped.
"""

import argparse
import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from cluster.cli.session import Session
from cluster.cli.understand import load_understander
from cluster.registry.champion import reader_version
from deployments.generator import EngineGenerator, GeneratedReader
from deployments.llm import nlu_adapters
from naviyam.clock import SystemClock
from naviyam.conversation import Turns
from naviyam.errors import ConfigError, NaviyamError
from naviyam.evaluation.readings import (
    Asked,
    Header,
    Reading,
    append_reading,
    begin_file,
    consider,
    unsure,
)
from naviyam.evaluation.understanding import SETS, UtteranceSet
from naviyam.nlu.llm import build_prompt
from naviyam.settings import Settings

_ENGINE_MODULE = "deployments.engine"
"""Imports vLLM, which takes 12 s."""


async def run(settings: Settings, asked: dict[str, Asked], *, out: Path) -> dict[str, Any]:
    """Read what `out` does not hold yet; return the figures of this run.

    Raises:
        ConfigError: there is no such adapter.
    """
    settings = _settings(settings)
    wanted = nlu_adapters(settings)
    if not wanted:
        raise ConfigError(
            f"no adapter {settings.nlu.llm_adapter} in {settings.paths.adapters}; run `python -m training.lora --task nlu`"
        )
    header = Header(
        base=settings.llm.base,
        adapter=reader_version(settings),
        filters=settings.nlu.llm_filters,
    )
    held = begin_file(out, header).readings
    missing = {key: m for key, m in asked.items() if key not in held}
    if missing:
        engine = await import_module(_ENGINE_MODULE).LLMEngine.start(settings, environ=os.environ)
        try:
            await engine.load_adapter(wanted[0])
            reader = GeneratedReader(EngineGenerator(engine), settings.nlu)
            await reader.read(build_prompt("김밥", Turns()), request_id="warm_up")
            await _read(reader, missing, out)
        finally:
            await engine.stop()
    return {"out": str(out), "readings": len(asked), "read_now": len(missing)}


async def _read(reader: GeneratedReader, missing: dict[str, Asked], out: Path) -> None:
    clock = SystemClock()
    for number, (key, message) in enumerate(missing.items(), start=1):
        began_s = clock.monotonic_s()
        answer = await reader.read(message.prompt, request_id=key)
        seconds = round(clock.monotonic_s() - began_s, 4)
        append_reading(out, key, Reading(answer=answer, seconds=seconds))
        if number % 20 == 0:
            sys.stderr.write(f"{number} of {len(missing)} read\n")


def _settings(settings: Settings) -> Settings:
    llm = {"enabled": True, "max_loras": 1, "max_num_seqs": 2}
    return settings.model_copy(
        update={
            "llm": settings.llm.model_copy(update=llm),
            "nlu": settings.nlu.model_copy(update={"llm": True}),
        }
    )


def messages(session: Session) -> dict[str, Asked]:
    """Return what the labelled sets hold that rules and classifier are unsure of, by the prompt's digest."""
    layers = load_understander(session)
    sets = [UtteranceSet.load(path) for path in sorted(SETS.glob("understanding_*.jsonl"))]
    nlu = session.settings.nlu
    return {m.key: m for s in sets for m in unsure(consider(layers, s.rows), nlu)}


def main() -> int:
    """Parse the command line and read; progress goes to standard error, the figures to standard output."""
    parser = argparse.ArgumentParser(prog="python -m deployments.offline_read", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/local.yaml"))
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; is continued")
    arguments = parser.parse_args()
    session = Session(config=arguments.config)
    try:
        found = asyncio.run(run(session.settings, messages(session), out=arguments.out))
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
