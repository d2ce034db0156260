"""Rankers made on purpose: another one's copy, turned around or without its wide part. For demonstrations and tests of a rollout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from naviyam.features.spec import HIDDEN
from naviyam.ranker.artifact import WEIGHTS_FILE, file_digests, load_artifact

_LAST = len(HIDDEN)
_TURNED = ("wide.weight", f"deep.{_LAST}.weight", f"deep.{_LAST}.bias")
"""What the logit is linear in: with these negated the best shop is the last."""


def planted_ranker(
    source: Path,
    target: Path,
    *,
    reverse: bool = False,
    forgetful: bool = False,
    noise: float = 0.0,
) -> None:
    """Write a copy of a ranker; its card says that it was planted.

    Args:
        source: folder of a whole ranker.
        target: folder to make.
        reverse: turns every score around, so that the best shop comes last.
        forgetful: takes the wide part away: distance, budget, habits; what a training from use brings back.
        noise: stretches the scores by this share, which changes no order but the content.

    Raises:
        ArtifactError: the source is not whole.
    """
    artifact = load_artifact(source)
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name != WEIGHTS_FILE:
            (target / path.name).write_bytes(path.read_bytes())
    factor = np.float32((-1 if reverse else 1) * (1 + noise))
    tensors = {
        name: factor * tensor if name in _TURNED else tensor
        for name, tensor in artifact.tensors.items()
    }
    if forgetful:
        tensors["wide.weight"] = np.zeros_like(tensors["wide.weight"])
    save_file(tensors, target / WEIGHTS_FILE)
    card = artifact.card
    replace(
        card,
        version=target.name,
        parent=card.version,
        metrics={"planted": "reversed" if reverse else "forgetful" if forgetful else "copied"},
        simulated=True,
        digests=file_digests(target),
    ).save(target)
