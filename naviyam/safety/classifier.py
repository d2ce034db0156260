"""The trained part of the input screen: a linear model over meaning, pieces of letters and the rules' own findings.

Numpy only. `training.safety` makes the weights; `models/safety/model.json` is their card. A folder that is
missing or broken is an `ArtifactError`; whoever opens it decides to go on with the rules alone. Keeps no text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from naviyam.errors import ArtifactError
from naviyam.safety.features import BUCKETS, blocks

HEADS: Final = ("offensive", "attack", "hunger", "hurt", "self_harm")
FLAGS: Final = ("rude", "sexual", "violence")
"""What the rules found, as inputs of the offensive head."""

KIND: Final = "safety_classifier"
WEIGHTS_FILE: Final = "model.safetensors"
CARD_FILE: Final = "model.json"

F32 = npt.NDArray[np.float32]
F16 = npt.NDArray[np.float16]


class Embedder(Protocol):
    """Texts to unit vectors, float32 [n, dimension]; `retrieval.encoder.Encoder` is one, and remembers what it embedded."""

    @property
    def name(self) -> str: ...

    def encode_queries(self, texts: Sequence[str]) -> F32: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Shapes: `idf` [BUCKETS], `pieces` [BUCKETS, heads], `meaning` [dimension, heads], `flags` [FLAGS, heads], `bias` [heads]."""

    idf: F16
    pieces: F16
    meaning: F32
    flags: F32
    bias: F32

    def logits(self, cleaned: str, embedding: F32, flags: Sequence[bool]) -> F32:
        """Return one logit per head."""
        out = self.bias + embedding @ self.meaning + np.asarray(flags, np.float32) @ self.flags
        for ids, counts in blocks(cleaned):
            value = counts * self.idf[ids].astype(np.float32)
            length = float(np.sqrt(value @ value)) or 1.0
            out = out + (value / length) @ self.pieces[ids].astype(np.float32)
        result: F32 = out.astype(np.float32)
        return result


class Classifier:
    """Weights with the encoder they were trained on."""

    def __init__(self, weights: Weights, card: Mapping[str, Any], embedder: Embedder) -> None:
        if card["encoder"] != embedder.name:
            raise ArtifactError(
                f"the safety classifier was trained on the encoder {card['encoder']!r}, this is {embedder.name!r}"
            )
        self.card = card
        self._weights = weights
        self._embedder = embedder

    @classmethod
    def load(cls, folder: Path, embedder: Embedder) -> Self:
        """Read a model.

        Raises:
            ArtifactError: it is missing, changed, or of another shape, and why.
        """
        card = read_card(folder)
        return cls(_read(folder, card), card, embedder)

    def probabilities(self, cleaned: str, flags: Sequence[bool]) -> dict[str, float]:
        """Return how likely each of `HEADS` is for a cleaned text; `flags` are the rules' findings by `FLAGS`."""
        embedding = self._embedder.encode_queries([cleaned])[0]
        logits = self._weights.logits(cleaned, embedding, flags)
        return dict(zip(HEADS, (1 / (1 + np.exp(-logits))).tolist(), strict=True))


def read_card(folder: Path) -> dict[str, Any]:
    """Return `model.json`.

    Raises:
        ArtifactError: it is missing or of another kind.
    """
    path = folder / CARD_FILE
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArtifactError(f"{path} is no model card ({e}); run python -m training.safety") from e
    if card.get("kind") != KIND or card.get("heads") != list(HEADS):
        raise ArtifactError(
            f"{path} is of another kind or for other heads; run python -m training.safety"
        )
    return card


def _read(folder: Path, card: Mapping[str, Any]) -> Weights:
    path = folder / WEIGHTS_FILE
    try:
        raw = path.read_bytes()
        tensors = load_file(path)
        weights = Weights(**tensors)
    except (OSError, SafetensorError, TypeError) as e:
        raise ArtifactError(f"{path} cannot be read ({e}); run python -m training.safety") from e
    if blake2b(raw, digest_size=16).hexdigest() != card.get("digest"):
        raise ArtifactError(f"{path} is not the file that its card vouches for")
    heads, dimension = len(HEADS), int(card["encoder_dimension"])
    expected = ((BUCKETS,), (BUCKETS, heads), (dimension, heads), (len(FLAGS), heads), (heads,))
    found = tuple(
        x.shape for x in (weights.idf, weights.pieces, weights.meaning, weights.flags, weights.bias)
    )
    if found != expected:
        raise ArtifactError(f"{path} holds shapes {found}, this code reads {expected}")
    return weights
