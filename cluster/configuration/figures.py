"""Published figures of bases, encoders and GPUs, and what estimates assume; `figures.yaml` with its sources, read once."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from naviyam.errors import NotFoundError

_T = TypeVar("_T")
_FILE = Path(__file__).with_name("figures.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseShape:
    """A decoder: `gated` ones have three matrices in the feed-forward part, others two."""

    name: str
    parameters: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    gated: bool
    vocabulary: int
    context: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderShape:
    """A sentence encoder. `body_parameters` are without the vocabulary, which costs memory and no time."""

    name: str
    parameters: int
    body_parameters: int
    dimension: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One kind of GPU; peaks as published, without sparsity."""

    name: str
    memory_gb: float
    bandwidth_gb_s: float
    bf16_tflops: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What no data sheet says; see `figures.yaml`."""

    bandwidth_share: float
    compute_share: float
    engine_overhead_gib: float
    batched_tokens: int
    cpu_engine_gib: float
    light_replica_gib: float
    head_gib: float
    encoder_gpu_gib: float
    faiss_gpu_gib: float
    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything in `figures.yaml`, by name."""

    bases: Mapping[str, BaseShape]
    encoders: Mapping[str, EncoderShape]
    gpus: Mapping[str, Gpu]
    assumed: Assumed

    def base(self, name: str) -> BaseShape:
        """Return a base's shape.

        Raises:
            NotFoundError: it is not listed; the message says where to add it.
        """
        return _find(self.bases, name, "base")

    def encoder(self, name: str) -> EncoderShape:
        """Return an encoder's shape.

        Raises:
            NotFoundError: it is not listed; the message says where to add it.
        """
        return _find(self.encoders, name, "encoder")

    def gpu(self, name: str) -> Gpu:
        """Return a kind of GPU.

        Raises:
            NotFoundError: it is not listed; the message says where to add it.
        """
        return _find(self.gpus, name, "GPU")


@functools.cache
def figures() -> Figures:
    """Return what is published and assumed."""
    read: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return Figures(
        bases={n: BaseShape(name=n, **v) for n, v in read["bases"].items()},
        encoders={n: EncoderShape(name=n, **v) for n, v in read["encoders"].items()},
        gpus={n: Gpu(name=n, **v) for n, v in read["gpus"].items()},
        assumed=Assumed(**read["assumed"]),
    )


def _find(known: Mapping[str, _T], name: str, what: str) -> _T:
    if name not in known:
        raise NotFoundError(
            f"no figures for the {what} {name!r}; known: {', '.join(known)}. Add it to {_FILE.name} with its source"
        )
    return known[name]
