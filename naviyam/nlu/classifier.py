"""Stage 4's second layer: a softmax over the sentence embedding and hashed n-grams. numpy only; trained by `training.nlu`.

It knows intents and nothing of filters: what was said stays the rules' to find.
"""

import json
import logging
from collections.abc import Sequence
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

F32 = npt.NDArray[np.float32]
_logger = logging.getLogger(__name__)


class Classifier:
    """The second layer. `confidence` is a calibrated probability: of answers given with 0.8, about 80 % are right."""

    def __init__(
        self, encoder: Encoder, *, dense: F32, grams: F32, bias: F32, temperature: float
    ) -> None:
        """Take weights: `dense` [encoder.dimension + marks, 15], `grams` [BUCKETS, 15], `bias` [15]."""
        self._encoder = encoder
        self._dense, self._grams, self._bias = dense, grams, bias
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
            raise ArtifactError(f"{folder} is no classifier ({e!r}); run `naviyam train nlu`") from e
        here = (KIND, encoder.name, SCHEMA, tuple(i.value for i in INTENTS))
        if made_for != here:
            raise ArtifactError(f"{folder} was made for {made_for[:3]}, here is {here[:3]}; run `naviyam train nlu`")  # fmt: skip
        if sha256(weights).hexdigest() != digest:
            raise ArtifactError(f"{folder / WEIGHTS_FILE} does not match its card")
        shapes = {"dense": (encoder.dimension + len(MARKS), len(INTENTS)), "grams": (BUCKETS, len(INTENTS)), "bias": (len(INTENTS),)}  # fmt: skip
        for name, shape in shapes.items():
            if name not in tensors or tensors[name].shape != shape:
                raise ArtifactError(f"{folder / WEIGHTS_FILE}: {name} is not of shape {shape}")
        plain = {name: tensors[name].astype(np.float32) for name in shapes}
        return cls(encoder, **plain, temperature=temperature)

    def decide(self, findings: Findings) -> Understanding:
        """Return the likeliest intent of a message and its probability."""
        (chances,) = self.probabilities([findings])
        best = int(chances.argmax())
        return Understanding(
            intent=INTENTS[best], confidence=float(chances[best]), decided_by="classifier"
        )

    def probabilities(self, messages: Sequence[Findings]) -> F32:
        """Return the chances of `INTENTS` per message [n, 15]."""
        vectors = self._encoder.encode_queries([m.text for m in messages])
        dense = np.concatenate([vectors, np.stack([marks_row(m) for m in messages])], axis=1)
        logits = dense @ self._dense + self._bias
        for row, message in zip(logits, messages, strict=True):
            at = ngram_row(message.text)
            if at.size:
                row += self._grams[at].sum(axis=0) / np.sqrt(at.size)
        logits /= self._temperature
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        normal: F32 = chances / chances.sum(axis=1, keepdims=True)
        return normal


def load_classifier(folder: Path, encoder: Encoder) -> Classifier | None:
    """Return the classifier, or None with a line in the log that says why the rules are alone."""
    try:
        return Classifier.load(folder, encoder)
    except ArtifactError as e:
        _logger.warning("no intent classifier, rules alone: %s", e)
        return None
