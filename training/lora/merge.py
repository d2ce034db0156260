"""`python -m training.lora.merge BASE ADAPTER FOLDER`: write base + adapter into an existing folder.

Works file by file and tensor by tensor, so that a large base needs one file of memory at a time.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from cluster.registry.adapters import (
    CARD,
    WEIGHTS,
    base_digest,
    base_name,
    check_adapter,
    low_rank_pairs,
)
from cluster.registry.sealed import SEAL

_COPIED = (".json", ".jinja", ".txt", ".model")


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write weights whose product equals the base's with the adapter beside it, and a card of what they are.

    Raises:
        ArtifactError: the adapter is damaged or made for another base.
    """
    info = check_adapter(adapter, base)
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


if __name__ == "__main__":
    merge(*map(Path, sys.argv[1:4]))
