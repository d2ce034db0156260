"""A worse ranker made on purpose: the same model with every score turned around. For demonstrations and tests of a rollout."""

from dataclasses import replace
from pathlib import Path

from safetensors.numpy import save_file

from naviyam.features.spec import HIDDEN
from naviyam.ranker.artifact import WEIGHTS_FILE, file_digests, load_artifact

_LAST = len(HIDDEN)
_TURNED = ("wide.weight", f"deep.{_LAST}.weight", f"deep.{_LAST}.bias")
"""What the logit is linear in: with these negated the best shop is the last."""


def reversed_ranker(source: Path, target: Path) -> None:
    """Write a ranker whose order is the reverse of another's; its card says that it was planted.

    Args:
        source: folder of a whole ranker.
        target: folder to make.

    Raises:
        ArtifactError: the source is not whole.
    """
    artifact = load_artifact(source)
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name != WEIGHTS_FILE:
            (target / path.name).write_bytes(path.read_bytes())
    tensors = {
        name: -tensor if name in _TURNED else tensor for name, tensor in artifact.tensors.items()
    }
    save_file(tensors, target / WEIGHTS_FILE)
    card = artifact.card
    replace(
        card,
        version=f"{card.version}-reversed",
        parent=card.version,
        metrics={"planted": "reversed"},
        simulated=True,
        digests=file_digests(target),
    ).save(target)
