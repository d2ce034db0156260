"""One training of the intent classifier: data, features, loop, and the files beside their card."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from naviyam.conversation import Turns
from naviyam.evaluation.understanding import SETS, UtteranceSet
from naviyam.nlu.classifier import CARD_FILE, INTENTS, KIND, WEIGHTS_FILE
from naviyam.nlu.features import SCHEMA, marks_row, ngram_matrix
from naviyam.nlu.rules import RuleUnderstander
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.settings import Settings
from training.artifact import write_model
from training.code_version import code_version
from training.nlu.data import IntentData, known_places, load_data
from training.nlu.train import (
    F32,
    NluTraining,
    Task,
    Tensors,
    Trained,
    Trainee,
    finished,
    fit_temperature,
)

Fit = Callable[[Task], Tensors]

DEVELOPMENT = tuple(SETS / f"understanding_{name}.jsonl" for name in ("dev3", "dev4", "dev5"))
"""Nothing is learned from these but one number, the temperature of the confidence; of the older ones the patterns know too much."""


def fit_here(task: Task) -> Tensors:
    """Run the epochs in this process."""
    return Trainee(task).fit()


def run(
    settings: Settings, config: NluTraining, *, out: Path, fit: Fit = fit_here
) -> dict[str, Any]:
    """Train and write into `out`; return the card's metrics. `fit` runs the epochs.

    Raises:
        ConfigError: the sentence encoder is not there.
    """
    torch.set_num_threads(1)
    encoder = load_encoder(settings.retrieval)
    data = load_data(settings.paths.shared_data, small_talk=config.small_talk, seed=config.seed)
    _say(f"{len(data.examples)} examples: {data.parts}")
    dense, grams = _features([e.text for e in data.examples], encoder)
    task = Task.of(dense, grams, [e.intent for e in data.examples], config)
    trained = finished(task, fit(task))
    others = [row for path in DEVELOPMENT for row in UtteranceSet.load(path).rows]
    x = np.concatenate(_features([row.text for row in others], encoder), axis=1)
    temperature = fit_temperature(trained.network, x, [row.intent for row in others])
    return _write(out, trained, temperature, data, config, encoder.name)


def _features(texts: Sequence[str], encoder: Encoder) -> tuple[F32, F32]:
    """Return embeddings with marks, and n-grams, of messages without a history."""
    rules = RuleUnderstander(known_places())
    found = [rules.read(text, Turns()).findings for text in texts]
    plain = [f.text for f in found]
    marks = np.stack([marks_row(f) for f in found])
    dense = np.concatenate([encoder.encode_passages(plain), marks], axis=1)
    return dense, ngram_matrix(plain)


def _write(
    out: Path,
    trained: Trained,
    temperature: float,
    data: IntentData,
    config: NluTraining,
    encoder: str,
) -> dict[str, Any]:
    """Write weights as float16 (the classifier adds them up in float32) and the card."""
    weights = save({name: array.astype(np.float16) for name, array in trained.weights.items()})
    metrics = {
        "held_out_accuracy": round(trained.held_out_accuracy, 4),
        "held_out": trained.held_out,
    }
    digest = sha256(weights).hexdigest()
    card: Mapping[str, Any] = {
        "kind": KIND,
        "version": digest[:12],
        "sha256": digest,
        "encoder": encoder,
        "features": SCHEMA,
        "intents": [i.value for i in INTENTS],
        "temperature_from": {p.name: UtteranceSet.load(p).version for p in DEVELOPMENT},
        "temperature": round(temperature, 4),
        "data": {"sha256": data.sha256, "parts": data.parts, "licences": "small talk: korean_smalltalk_qa MIT, 3i4k CC BY-SA 4.0; read in place, not copied"},
        "training": asdict(config),
        "metrics": metrics,
        "code": code_version("training/nlu", "naviyam/nlu", "naviyam/text"),
        "command": f"naviyam train nlu --epochs {config.epochs} --seed {config.seed}",
        "limits": "Held-out figures are on messages of the same patterns; `naviyam evaluate understanding` measures on others.",
    }  # fmt: skip
    write_model(out, (WEIGHTS_FILE, weights), (CARD_FILE, card))
    return {"classifier": str(out), "version": card["version"], **metrics}


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
