"""Models made on purpose and registered, for the stories of `naviyam loop`: worse rankers, a weak adapter.

The lineage says simulated, the card says planted.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.registry.models import ModelRegistry

_CLAIMED_GAIN = 0.05


def plant_ranker(registry: "ModelRegistry", *, forgetful: bool = False) -> str:
    """Register the champion turned around, or without its wide part; return its version."""
    from naviyam.simulation.planted import planted_ranker

    return _plant(
        registry,
        "ranker",
        lambda source, target: planted_ranker(
            source, target, reverse=not forgetful, forgetful=forgetful
        ),
    )


def plant_adapter(registry: "ModelRegistry", *, strength: float) -> str:
    """Register the champion adapter with `strength` of its effect left; return its version."""
    return _plant(
        registry, "nlg", lambda source, target: planted_adapter(source, target, strength=strength)
    )


def planted_adapter(source: Path, target: Path, *, strength: float) -> None:
    """Write a copy of an adapter that changes its base by a share of what the original does.

    Args:
        source: folder of a whole adapter.
        target: folder to make.
        strength: 1 is the original, 0 the plain base.
    """
    from safetensors.numpy import save_file

    from cluster.registry.adapters import CARD, CONFIG, WEIGHTS
    from cluster.registry.sealed import file_sha256
    from cluster.registry.tensors import read_tensors

    target.mkdir(parents=True)
    shutil.copy(source / CONFIG, target / CONFIG)
    tensors = {
        name: tensor * strength if ".lora_B." in name else tensor
        for name, tensor in read_tensors(source / WEIGHTS).items()
    }
    save_file(tensors, target / WEIGHTS)
    card = json.loads((source / CARD).read_text(encoding="utf-8"))
    card |= {
        "planted": f"{strength:g} of {card.get('sha256', source.name)}",
        "sha256": file_sha256(target / WEIGHTS),
        "metrics": {},
    }
    (target / CARD).write_text(json.dumps(card, ensure_ascii=False, indent=1), encoding="utf-8")


def _plant(registry: "ModelRegistry", name: str, make: Callable[[Path, Path], None]) -> str:
    from cluster.registry.models import Lineage
    from cluster.registry.release import OFFLINE_GAIN

    champion = registry.get(name, "champion")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "planted"
        make(champion.folder, target)
        return registry.register(
            name,
            target,
            lineage=Lineage(parent=champion.version, simulated=True),
            metrics={OFFLINE_GAIN: _CLAIMED_GAIN},
        ).version
