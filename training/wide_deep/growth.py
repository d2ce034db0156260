"""A ranker's weights for other users, shops and brands than it was trained with. No loop, no files."""

from collections.abc import Mapping

import numpy as np
import torch

from naviyam.errors import ArtifactError
from naviyam.features.vocabulary import KINDS, UNKNOWN_ROW, Vocabulary
from naviyam.ranker.artifact import F32

TABLES = {"users": "user.weight", "shops": "shop.weight", "brands": "brand.weight"}


def kept_tensors(
    tensors: Mapping[str, F32], before: Vocabulary, kept: Vocabulary
) -> dict[str, F32]:
    """Return the weights without the rows of users that `kept` lacks; nobody else's score changes."""
    rows = [UNKNOWN_ROW, *before.rows("users", kept.users).tolist()]
    return {**tensors, TABLES["users"]: tensors[TABLES["users"]][rows]}


def grown_tensors(
    tensors: Mapping[str, F32], before: Vocabulary, after: Vocabulary
) -> dict[str, torch.Tensor]:
    """Return the weights with a row for every new id: a copy of the unknown id's, so that growing changes no score.

    Raises:
        ArtifactError: a row of `before` has another place in `after`.
    """
    for kind in KINDS:
        old: tuple[str, ...] = getattr(before, kind)
        if getattr(after, kind)[: len(old)] != old:
            raise ArtifactError(
                f"{kind} of the parent moved; grow its vocabulary, do not remake it"
            )
    grown = {name: np.array(values) for name, values in tensors.items()}
    for kind, name in TABLES.items():
        new = after.size(kind) - before.size(kind)
        unknown = np.repeat(grown[name][UNKNOWN_ROW : UNKNOWN_ROW + 1], new, axis=0)
        grown[name] = np.concatenate([grown[name], unknown])
    return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in grown.items()}
