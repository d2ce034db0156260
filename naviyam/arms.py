"""Arms of running experiments, as one answer sees them. Values only; `cluster.rollout.traffic` says who is in which."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Layer = Literal["adapter", "ranker", "retriever", "prompt"]
LAYERS: tuple[Layer, ...] = ("adapter", "ranker", "retriever", "prompt")
"""What experiments may change. One experiment a layer at a time; those on different layers run side by side."""

ArmName = Literal["stable", "candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A user's side of one experiment. `version` is what answers with it: a registered version or a variant's name."""

    experiment: str
    name: ArmName
    version: str


Arms = Mapping[Layer, Arm]
"""By layer; a layer without an experiment is absent and answers with what serves."""

SERVING = "default"
"""The name, where a layer's versions are variants in the settings, of what serves."""

NO_ARMS: Arms = {}


def variants_of(arms: Arms) -> dict[str, str]:
    """Return the arm of every layer as log and metrics name it; a layer without an experiment is `stable`."""
    return {layer: arms[layer].name if layer in arms else "stable" for layer in LAYERS}


def experiments_of(arms: Arms) -> dict[str, str]:
    """Return the experiment of every layer that has one."""
    return {layer: arms[layer].experiment for layer in LAYERS if layer in arms}


def candidate_of(arms: Arms, layer: Layer) -> str | None:
    """Return the version that is to answer instead of what serves, None for what serves."""
    arm = arms.get(layer)
    return arm.version if arm is not None and arm.name == "candidate" else None
