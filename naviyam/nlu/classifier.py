"""Stage 4's second layer: a small network over the sentence embedding, hashed n-grams and what the rules found. numpy only; trained by `training.nlu`.

It knows intents and nothing of filters: what was said stays the rules' to find.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from naviyam.errors import ArtifactError
from naviyam.nlu.features import BUCKETS, MARKS, SCHEMA, marks_row, ngram_row
from naviyam.nlu.intents import Findings
from naviyam.request import Intent, Understanding
from naviyam.retrieval.encoder import Encoder

KIND: Final = "nlu_classifier"
WEIGHTS_FILE: Final = "model.safetensors"
CARD_FILE: Final = "model.json"
INTENTS: Final = tuple(sorted(Intent, key=lambda i: i.value))
_HELP: Final = INTENTS.index(Intent.HELP_NEEDED)

F32 = npt.NDArray[np.float32]
_logger = logging.getLogger(__name__)


class Classifier:
    """The second layer. `confidence` is a calibrated probability: of answers given with 0.8, about 80 % are right."""

    def __init__(self, encoder: Encoder, weights: Mapping[str, F32], *, temperature: float) -> None:
        """Take weights of the shapes that `_shapes` names."""
        self._encoder = encoder
        self._weights = weights
        self._temperature = temperature

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Self:
        """Read a trained classifier.

        Raises:
            ArtifactError: a file is missing or broken, or it was trained for another encoder or other features.
        """
        try:
            card: dict[str, Any] = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
            weights = (folder / WEIGHTS_FILE).read_bytes()
            tensors = load_file(folder / WEIGHTS_FILE)
            digest, temperature = card["sha256"], float(card["temperature"])
            made_for = (card["kind"], card["encoder"], card["features"], tuple(card["intents"]))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as e:
            raise ArtifactError(
                f"{folder} is no classifier ({e!r}); run `naviyam train nlu`"
            ) from e
        here = (KIND, encoder.name, SCHEMA, tuple(i.value for i in INTENTS))
        if made_for != here:
            raise ArtifactError(f"{folder} was made for {made_for[:3]}, here is {here[:3]}; run `naviyam train nlu`")  # fmt: skip
        if sha256(weights).hexdigest() != digest:
            raise ArtifactError(f"{folder / WEIGHTS_FILE} does not match its card")
        hidden = tensors["hidden_bias"].size if "hidden_bias" in tensors else 0
        for name, shape in _shapes(encoder.dimension, hidden).items():
            if name not in tensors or tensors[name].shape != shape:
                raise ArtifactError(f"{folder / WEIGHTS_FILE}: {name} is not of shape {shape}")
        plain = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
        return cls(encoder, plain, temperature=temperature)

    def decide(self, findings: Findings) -> Understanding:
        """Return the likeliest intent of a message and its probability; calls for help are the screen's to see."""
        (chances,) = self.probabilities([findings])
        chances[_HELP] = 0.0
        best = int(chances.argmax())
        return Understanding(
            intent=INTENTS[best], confidence=float(chances[best]), decided_by="classifier"
        )

    def probabilities(self, messages: Sequence[Findings]) -> F32:
        """Return the chances of `INTENTS` per message [n, 15]."""
        vectors = self._encoder.encode_queries([m.text for m in messages])
        dense = np.concatenate([vectors, np.stack([marks_row(m) for m in messages])], axis=1)
        w = self._weights
        hidden = dense @ w["dense"] + w["hidden_bias"]
        for row, message in zip(hidden, messages, strict=True):
            at = ngram_row(message.text)
            if at.size:
                row += w["grams"][at].sum(axis=0) / np.sqrt(at.size)
        logits = (np.maximum(hidden, 0) @ w["out"] + w["out_bias"]) / self._temperature
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        normal: F32 = chances / chances.sum(axis=1, keepdims=True)
        return normal


def _shapes(dimension: int, hidden: int) -> dict[str, tuple[int, ...]]:
    return {
        "dense": (dimension + len(MARKS), hidden),
        "grams": (BUCKETS, hidden),
        "hidden_bias": (hidden,),
        "out": (hidden, len(INTENTS)),
        "out_bias": (len(INTENTS),),
    }


def load_classifier(folder: Path, encoder: Encoder) -> Classifier | None:
    """Return the classifier, or None with a line in the log that says why the rules are alone."""
    try:
        return Classifier.load(folder, encoder)
    except ArtifactError as e:
        _logger.warning("no intent classifier, rules alone: %s", e)
        return None
