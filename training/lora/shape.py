"""The shape of an adapter that goes on from a parent."""

import json
from dataclasses import replace
from pathlib import Path

from naviyam.errors import ArtifactError
from training.lora.loop import LoraTraining


def in_shape_of(config: LoraTraining, parent: Path | None) -> LoraTraining:
    """Return the run with its parent's rank and alpha: an adapter goes on in its own shape and at its own scale.

    Raises:
        ArtifactError: the parent has no readable PEFT configuration, or adapts other modules.
    """
    if parent is None:
        return config
    path = parent / "adapter_config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rank, alpha, modules = int(found["r"]), found["lora_alpha"], set(found["target_modules"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ArtifactError(f"{path} is no adapter's configuration ({e!r})") from e
    if modules != set(config.target_modules):
        raise ArtifactError(
            f"{path} adapts {sorted(modules)}, configured are {sorted(config.target_modules)}; "
            "set llm.target_modules back or train from the start"
        )
    return replace(config, rank=rank, alpha=int(alpha))
