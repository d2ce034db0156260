"""Does a configuration hold together, and does it fit this machine? Pure: settings and a snapshot in, findings out.

Every check runs, so that all problems are told at once. An error would fail the start or the service; a warning would not.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cluster.configuration.estimate import cpu_memory_gib, engine_on_gpu
from cluster.configuration.figures import Figures, Gpu
from cluster.configuration.machine import Machine
from naviyam.errors import NotFoundError
from naviyam.settings import Settings
from naviyam.settings.sources import ENV_PREFIX

_FULL = 0.85
_SHOPS = 10_000
"""For the index's memory, where no catalogue is looked at; it is next to nothing."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or doubtful. `key` names the setting, "" where there is none."""

    level: Literal["error", "warning"]
    key: str
    message: str


Adapters = Mapping[str, str]
"""Name of an adapter in `paths.adapters` to the base its card names."""

Check = Callable[[Settings, Machine, Figures, Adapters], Iterator[Finding]]


def check_settings(
    settings: Settings, machine: Machine, figures: Figures, adapters: Adapters
) -> tuple[Finding, ...]:
    """Return everything that is wrong with valid settings on this machine, errors first."""
    found = [f for check in CHECKS for f in check(settings, machine, figures, adapters)]
    return tuple(sorted(found, key=lambda f: f.level != "error"))


def check_environment(names: Mapping[str, str], known: frozenset[str]) -> tuple[Finding, ...]:
    """Return variables that look like settings and are none: one underscore too few, a wrong case."""
    found = []
    for name in sorted(names):
        if not name.upper().startswith("NAVIYAM_") or name.startswith(ENV_PREFIX) or name in known:
            continue
        tail = name.upper().removeprefix("NAVIYAM").strip("_")
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
        meant = near[0] if near else f"{ENV_PREFIX}{tail}"
        found.append(
            Finding(level="warning", key=name, message=f"is not read; did you mean {meant}?")
        )
    return tuple(found)


def _ports(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    named = {"serving.port": s.serving.port, "serving.dashboard_port": s.serving.dashboard_port}
    if s.serving.port and s.serving.port == s.serving.dashboard_port:
        yield _error("serving.dashboard_port", f"{s.serving.port} is serving.port too")
    for key, port in named.items():
        if port in m.taken_ports:
            yield _warning(key, f"something listens on {port} already (this service, or another)")
        if 0 < port < 1024:
            yield _warning(key, f"{port} below 1024 needs a privileged user")


def _folders(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    names = {getattr(s.paths, name): f"paths.{name}" for name in type(s.paths).model_fields}
    for folder, why in m.unwritable:
        yield _error(names.get(folder, "paths"), f"{folder} cannot be written: {why}")
    for folder in m.missing:
        yield _warning(
            names.get(folder, "paths"), f"{folder} is not there; what needs it is left out"
        )


def _adapter(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    wanted = {"llm.adapter": s.llm.adapter if s.llm.enabled else ""}
    if s.llm.enabled and s.nlu.llm:
        wanted["nlu.llm_adapter"] = s.nlu.llm_adapter
    for key, name in wanted.items():
        if not name:
            continue
        folder = s.paths.adapters / name
        if name not in a:
            known = ", ".join(sorted(a)) or "none"
            yield _error(key, f'{folder} holds no adapter (there: {known}); "" serves the base')
        elif a[name] != s.llm.base:
            yield _error(key, f"{name} was trained on {a[name]!r}, but llm.base is {s.llm.base!r}")
    if s.llm.enabled and s.writing.layout == "compact" and not s.llm.adapter:
        yield _warning(
            "writing.layout", "compact is for a trained adapter; a base wants instructed"
        )


def _engine(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    llm, scale = s.llm, s.serving.llm
    if not llm.enabled:
        return
    most = llm.max_num_seqs + llm.max_queued
    if scale.max_ongoing_requests <= most:
        yield _error(
            "serving.llm.max_ongoing_requests",
            f"{scale.max_ongoing_requests} is not above llm.max_num_seqs + llm.max_queued ({most})",
        )
    rank = s.lora_training.rank * (2 if llm.merge_champion else 1)
    if llm.max_loras and llm.max_lora_rank < rank:
        yield _error(
            "llm.max_lora_rank", f"{llm.max_lora_rank} is below {rank}, which a challenger needs"
        )
    base = f.bases.get(llm.base)
    if base is not None and llm.max_model_len > base.context:
        yield _error("llm.max_model_len", f"{llm.base} knows {base.context} tokens at most")
    if s.writing.max_tokens >= llm.max_model_len:
        yield _error("writing.max_tokens", "leaves no room for a prompt below llm.max_model_len")


def _gpus(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    wanted = {
        "llm.num_gpus": (s.llm.num_gpus or s.serving.llm.num_gpus) if s.llm.enabled else 0,
        "serving.retriever.num_gpus": s.serving.retriever.num_gpus,
        "serving.ranker.num_gpus": s.serving.ranker.num_gpus,
        "serving.ingress.num_gpus": s.serving.ingress.num_gpus,
        "distributed.gpus_per_worker": s.distributed.gpus_per_worker,
    }
    asked = [key for key, number in wanted.items() if number]
    if asked and not m.gpus:
        yield _error(asked[0], f"asks for a GPU and this machine has none ({', '.join(asked)})")
    if s.retrieval.device == "gpu" and not (
        s.serving.retriever.num_gpus or s.serving.ingress.num_gpus
    ):
        yield _error("retrieval.device", "gpu needs serving.retriever.num_gpus (or ingress)")
    several = s.llm.enabled and max(s.llm.num_gpus, s.llm.tensor_parallel) > 1
    if several and s.llm.num_gpus != s.llm.tensor_parallel:
        yield _error("llm.tensor_parallel", "must be llm.num_gpus, the GPUs of one replica")


def _memory(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    try:
        needed = cpu_memory_gib(s, f, shops=_SHOPS)
    except NotFoundError as e:
        yield _warning("llm.base", f"no estimate of the memory: {e}")
        return
    told = f"about {needed:.1f} GiB are needed (an estimate), the machine has {m.memory_gib:.1f}"
    if needed > m.memory_gib:
        yield _error("memory", f"{told}; lower llm.kv_cache_gib or the least numbers of replicas")
    elif needed > _FULL * m.memory_gib:
        yield _warning("memory", told)
    if not (s.llm.enabled and s.llm.num_gpus) or not m.gpus:
        return
    least = min(m.gpus, key=lambda gpu: gpu.memory_gib)
    kind = Gpu(
        name=least.name,
        memory_gb=least.memory_gib * 1024**3 / 1e9,
        bandwidth_gb_s=1.0,
        bf16_tflops=1.0,
        source="nvidia-smi",
    )
    if not engine_on_gpu(s, f, kind).fits:
        yield _error(
            "llm.base", f"{s.llm.base} and one talk do not fit into {least.name} (estimate)"
        )


def _database(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    spread = s.serving.light_stages == "deployments" and s.serving.host not in _LOOPBACK
    if not s.jobs.database:
        if spread:
            yield _warning(
                "jobs.database", "a SQLite file serves one machine; several need postgresql+psycopg"
            )
        return
    try:
        backend = make_url(s.jobs.database).get_backend_name()
    except ArgumentError:
        yield _error("jobs.database", "is no SQLAlchemy URL, such as postgresql+psycopg://host/db")
        return
    if backend not in ("sqlite", "postgresql"):
        yield _error(
            "jobs.database", f"is a {backend} URL; use sqlite:/// or postgresql+psycopg://"
        )


def _scales(s: Settings, m: Machine, f: Figures, a: Adapters) -> Iterator[Finding]:
    if s.serving.ingress.max_ongoing_requests <= s.serving.max_concurrent_chats:
        yield _warning(
            "serving.ingress.max_ongoing_requests",
            "is not above max_concurrent_chats: Serve refuses before the ingress can say why",
        )


CHECKS: tuple[Check, ...] = (
    _ports,
    _folders,
    _adapter,
    _engine,
    _gpus,
    _memory,
    _database,
    _scales,
)


def read_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that are only read, and needed for a whole service."""
    return settings.paths.classifier, settings.paths.safety_classifier


def _error(key: str, message: str) -> Finding:
    return Finding(level="error", key=key, message=message)


def _warning(key: str, message: str) -> Finding:
    return Finding(level="warning", key=key, message=message)
