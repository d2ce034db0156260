"""Adapters and the base: the champion merged into the weights, and what a serving engine is to load.

Checking and differences need no torch and live in `cluster.registry.adapters`; they are offered here too,
so that a training run finds everything about adapters in one place.
"""

import argparse
import json
import logging
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from cluster.registry.adapters import (
    CARD,
    WEIGHTS,
    AdapterInfo,
    base_digest,
    base_name,
    check_adapter,
    difference_adapter,
    low_rank_pairs,
)
from cluster.registry.sealed import SEAL, building
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.lora.base import prepare_base

__all__ = [
    "AdapterInfo",
    "base_digest",
    "base_name",
    "check_adapter",
    "difference_adapter",
    "merge_into_base",
    "prepare_serving",
]

_COPIED = (".json", ".jinja", ".txt", ".model")

_log = logging.getLogger(__name__)


def merge_into_base(base: Path, adapter: Path, out: Path) -> Path:
    """Return a model folder below `out` whose weights are base + adapter, made once per pair.

    Works file by file and tensor by tensor, so that a large base needs one tensor of memory at a time.

    Raises:
        ArtifactError: the adapter is damaged or made for another base.
    """
    info = check_adapter(adapter, base)
    target = (
        out / f"{base_name(base).replace('/', '--')}-{base_digest(base)[:12]}-{info.digest[:12]}"
    )
    with building(target) as temporary:
        if temporary is not None:
            _log.info("merging %s into %s", adapter, target)
            _merge(base, info, temporary)
    return target


def prepare_serving(settings: Settings) -> dict[str, str | None]:
    """Make the folders that an engine loads; return their paths.

    Keys: `base` the plain base, `champion` the adapter's folder or None, `model` the folder to serve
    (base + champion where `llm.merge_champion`, else the base).
    """
    base = prepare_base(settings)
    if not settings.llm.adapter:
        return {"base": str(base), "champion": None, "model": str(base)}
    champion = settings.paths.adapters / settings.llm.adapter
    if settings.llm.merge_champion:
        model = merge_into_base(base, champion, settings.paths.cache / "merged")
    else:
        check_adapter(champion, base)
        model = base
    return {"base": str(base), "champion": str(champion), "model": str(model)}


def _merge(base: Path, info: AdapterInfo, target: Path) -> None:
    pairs = low_rank_pairs(info)
    for source in sorted(base.glob("*.safetensors")):
        with safe_open(source, framework="pt") as file:
            tensors = {}
            for name in file.keys():  # noqa: SIM118 - not a mapping
                weight = file.get_tensor(name)
                pair = pairs.get(name.removesuffix(".weight"))
                if pair is not None:
                    a, b = (torch.from_numpy(x) for x in pair)
                    weight = (weight.float() + info.scale * (b @ a)).to(weight.dtype)
                tensors[name] = weight
            save_file(tensors, target / source.name, metadata=file.metadata())
    for source in base.iterdir():
        if source.suffix in _COPIED and source.name not in (SEAL, CARD):
            shutil.copyfile(source, target / source.name)
    card = {
        "kind": "merged",
        "base": base_name(base),
        "base_sha256": base_digest(base),
        "adapter": info.digest,
        "weights": WEIGHTS,
    }
    (target / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")


def main() -> None:
    """Write `prepare_serving` as JSON to standard output; exit 1 with the reason where it cannot be done."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--config", type=Path, help="a YAML file; without it settings as JSON on stdin"
    )
    path = parser.parse_args().config
    try:
        settings = Settings.load(path) if path else Settings.parse(json.load(sys.stdin))
        sys.stdout.write(json.dumps(prepare_serving(settings)) + "\n")
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
