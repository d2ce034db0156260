"""What an engine is started with: model folders, vLLM's arguments, the environment of its processes."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.model_executor.models import ModelRegistry
from vllm.model_executor.models.interfaces import supports_lora

from naviyam.errors import ArtifactError
from naviyam.settings import Settings

_PREPARE = "training.lora.adapters"
_CPU_WORKER = "deployments.cpu_worker.IdleAdaptersWorker"
_GIB = 1024**3
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What an engine loads. `merged` is True where the champion is part of the weights."""

    base: Path
    model: Path
    champion: Path | None
    merged: bool
    version: str | None = None
    """Of the champion."""


def prepare_model(settings: Settings) -> ServedModel:
    """Convert the base and merge the champion where needed, in a process that gives its memory back.

    Raises:
        ArtifactError: the base or the adapter cannot be used; the message is the other process's.
    """
    served = _prepare(settings)
    if served.champion is None or served.merged:
        return served
    config = json.loads((served.base / "config.json").read_text(encoding="utf-8"))
    if not needs_merge(config):
        return served
    _log.warning("%s cannot be served with adapters: the champion is merged", served.base.name)
    return _prepare(_with_llm(settings, merge_champion=True))


def _prepare(settings: Settings) -> ServedModel:
    done = subprocess.run(
        [sys.executable, "-m", _PREPARE],
        input=settings.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["no message"]
        raise ArtifactError(f"the model folders could not be made: {reason[-1]}")
    paths = json.loads(done.stdout.strip().splitlines()[-1])
    champion = paths["champion"]
    return ServedModel(
        base=Path(paths["base"]),
        model=Path(paths["model"]),
        champion=Path(champion) if champion else None,
        merged=paths["model"] != paths["base"],
        version=paths.get("version"),
    )


def _with_llm(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update={"llm": settings.llm.model_copy(update=values)})


def needs_merge(base_config: Mapping[str, Any]) -> bool:
    """Return whether vLLM cannot serve adapters on this architecture, so that they must be merged.

    Args:
        base_config: the base's `config.json`.
    """
    for name in base_config.get("architectures") or ():
        registered = ModelRegistry.models.get(name)
        if registered is not None:
            return not supports_lora(registered.load_model_cls())
    return True


def engine_args(settings: Settings, served: ServedModel) -> AsyncEngineArgs:
    """Return vLLM's arguments for the configured engine on what it serves."""
    llm = settings.llm
    arguments: dict[str, Any] = {
        "model": str(served.model),
        "dtype": _dtype(settings),
        "max_model_len": llm.max_model_len,
        "max_num_seqs": llm.max_num_seqs,
        "enforce_eager": llm.enforce_eager,
        "enable_prefix_caching": True,
        "stream_interval": llm.stream_interval,
        "tensor_parallel_size": llm.tensor_parallel,
        "disable_log_stats": True,
        "seed": settings.seed,
    }
    if llm.num_gpus:
        arguments["gpu_memory_utilization"] = llm.gpu_memory_utilization
    else:
        arguments["kv_cache_memory_bytes"] = int(llm.kv_cache_gib * _GIB)
    if llm.max_loras:
        # On a CPU vLLM 0.32 computes a request without an adapter, in a batch with others, by the last slot: it stays
        # empty (slots fill from the first on).
        spare = 0 if llm.num_gpus else 1
        # The plain base of a merged engine is one more adapter: what undoes the champion.
        undoing = 1 if settings.completions.enabled and served.merged else 0
        slots = llm.max_loras + undoing + spare
        arguments |= {
            "enable_lora": True,
            "max_loras": slots,
            "max_cpu_loras": slots,
            "max_lora_rank": llm.max_lora_rank,
        }
        if not llm.num_gpus:
            arguments["worker_cls"] = _CPU_WORKER
    if llm.ngram_speculation:
        arguments["speculative_config"] = {
            "method": "ngram",
            "num_speculative_tokens": 8,
            "prompt_lookup_max": 6,
            "prompt_lookup_min": 2,
        }
    return AsyncEngineArgs(**arguments)


def stat_loggers(settings: Settings) -> list[Any]:
    """Return who is told of vLLM's own figures: Ray's metrics where the settings want them, else nobody."""
    if not settings.telemetry.engine_metrics:
        return []
    from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger  # noqa: PLC0415

    return [RayPrometheusStatLogger]


def configure_environment(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Set what vLLM's processes read from the environment.

    Ray sets OMP_NUM_THREADS to 1 for a small share of a CPU. On a CPU the model runs in the engine's own process
    (one process and one import of vLLM less: 12 s of the start) with every core, one left free where there are many.
    """
    environ.pop("OMP_NUM_THREADS", None)
    environ["HF_HUB_OFFLINE"] = "1"
    environ["VLLM_NO_USAGE_STATS"] = "1"
    environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
    environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    if not settings.llm.num_gpus:
        environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        cores = len(os.sched_getaffinity(0))
        environ["OMP_NUM_THREADS"] = str(cores if cores <= 2 else cores - 1)


def computes_bfloat16(cpuinfo: str) -> bool:
    """Return whether a CPU multiplies bfloat16 in hardware, from the text of /proc/cpuinfo.

    Without it a matrix product in bfloat16 is up to eight times slower than in float32.
    """
    for line in cpuinfo.splitlines():
        name, _, values = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return not _BFLOAT16_FLAGS.isdisjoint(values.split())
    return False


def _dtype(settings: Settings) -> str:
    if settings.llm.dtype != "auto":
        return settings.llm.dtype
    cpuinfo = Path("/proc/cpuinfo")
    on_gpu = settings.llm.num_gpus > 0
    if on_gpu or (cpuinfo.exists() and computes_bfloat16(cpuinfo.read_text(encoding="utf-8"))):
        return "bfloat16"
    return "float32"
