"""A ranker on disk: `model.safetensors`, the feature tables and `model.json` (spec 7). Read whole or refused.

A refusal is an `ArtifactError`; the caller keeps the model it has. Nothing here computes a score.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from naviyam.errors import ArtifactError
from naviyam.features.spec import (
    BRAND_EMBEDDING,
    CATEGORY_EMBEDDING,
    HIDDEN,
    NUMERIC,
    QUERY_PROJECTION,
    SHOP_EMBEDDING,
    USER_EMBEDDING,
    WIDE_SIZE,
    schema_hash,
)
from naviyam.features.tables import RATES_FILE, VOCABULARY_FILE, FeatureTables
from naviyam.features.vocabulary import Vocabulary

KIND: Final = "wide_deep"
WEIGHTS_FILE: Final = "model.safetensors"
CARD_FILE: Final = "model.json"

F32 = npt.NDArray[np.float32]
Tensors = Mapping[str, F32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """`model.json`. `digests` are blake2b of the other files; `simulated` says whose behaviour taught it."""

    version: str
    parent: str | None
    base: str | None
    dataset_hash: str
    metrics: Mapping[str, Any]
    feature_schema_hash: str
    encoder: str
    encoder_dimension: int
    code_version: str
    seed: int
    simulated: bool
    digests: Mapping[str, str]
    vocabulary_file: str = VOCABULARY_FILE
    kind: str = KIND

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True)
        (folder / CARD_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `model.json`.

        Raises:
            ArtifactError: it is missing, not JSON, lacks a key, or is of another kind or feature schema.
        """
        path = folder / CARD_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            card = cls(**{f.name: content[f.name] for f in fields(cls)})
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise ArtifactError(f"{path} is no model card ({e!r}); train the ranker again") from e
        if card.kind != KIND:
            raise ArtifactError(f"{path} is of kind {card.kind!r}; this loader reads {KIND!r}")
        if card.feature_schema_hash != schema_hash():
            raise ArtifactError(
                f"{path} was trained on feature schema {card.feature_schema_hash}, this code builds "
                f"{schema_hash()}; train the ranker again"
            )
        return card


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """A model that was read whole and whose shapes fit."""

    card: ModelCard
    tensors: Tensors
    tables: FeatureTables


def shapes(vocabulary: Vocabulary, query_dimension: int) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of a Wide & Deep model (PyTorch's layout: out x in)."""
    joined = (
        USER_EMBEDDING + SHOP_EMBEDDING + CATEGORY_EMBEDDING + BRAND_EMBEDDING
        + QUERY_PROJECTION + len(NUMERIC)
    )  # fmt: skip
    out: dict[str, tuple[int, ...]] = {
        "wide.weight": (1, WIDE_SIZE),
        "user.weight": (vocabulary.size("users"), USER_EMBEDDING),
        "shop.weight": (vocabulary.size("shops"), SHOP_EMBEDDING),
        "category.weight": (vocabulary.size("categories"), CATEGORY_EMBEDDING),
        "brand.weight": (vocabulary.size("brands"), BRAND_EMBEDDING),
        "query.weight": (QUERY_PROJECTION, query_dimension),
    }
    sizes = (joined, *HIDDEN, 1)
    for i in range(len(sizes) - 1):
        out[f"deep.{i}.weight"] = (sizes[i + 1], sizes[i])
        out[f"deep.{i}.bias"] = (sizes[i + 1],)
    return out


def file_digests(folder: Path) -> dict[str, str]:
    """Return the blake2b digests of the files a card vouches for."""
    return {
        name: blake2b((folder / name).read_bytes(), digest_size=16).hexdigest()
        for name in (WEIGHTS_FILE, VOCABULARY_FILE, RATES_FILE)
    }


def load_artifact(folder: Path) -> Artifact:
    """Read a ranker from its version's folder.

    Raises:
        ArtifactError: a file is missing, truncated, changed, of another schema, of wrong shape or not finite.
    """
    card = ModelCard.load(folder)
    try:
        digests = file_digests(folder)
    except OSError as e:
        raise ArtifactError(f"{folder} is not whole ({e}); restore it or train again") from e
    for name, digest in digests.items():
        if card.digests.get(name) != digest:
            raise ArtifactError(f"{folder / name} is not the file its card describes; restore it")
    tables = FeatureTables.load(folder)
    try:
        tensors = load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError, ValueError) as e:
        raise ArtifactError(f"{folder / WEIGHTS_FILE} cannot be read ({e})") from e
    expected = shapes(tables.vocabulary, card.encoder_dimension)
    if set(tensors) != set(expected):
        raise ArtifactError(
            f"{folder / WEIGHTS_FILE} holds {sorted(tensors)}, must hold {sorted(expected)}"
        )
    for name, shape in expected.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise ArtifactError(
                f"{folder / WEIGHTS_FILE}: {name} is {tensors[name].dtype}{tensors[name].shape}, "
                f"must be float32{shape}"
            )
        if not np.isfinite(tensors[name]).all():
            raise ArtifactError(f"{folder / WEIGHTS_FILE}: {name} is not finite")
    return Artifact(card=card, tensors=tensors, tables=tables)
