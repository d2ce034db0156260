"""An intent classifier beside another, inside the layers that serve: intent accuracy and slot F1 on the labelled sets.

Slots are found by the rules, which both share; their F1 differs where the classifier changes the intent that a message is
expressed with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from naviyam import versions
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.evaluation.understanding import SETS, Utterance, UtteranceSet, pairs, score
from naviyam.intervals import Resample, paired
from naviyam.nlu.classifier import Classifier
from naviyam.nlu.layers import LayeredUnderstander
from naviyam.nlu.replay import replay
from naviyam.nlu.resolve import resolve
from naviyam.nlu.rules import RuleUnderstander
from naviyam.request import Understanding
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.settings import Settings

TEST_SETS: Final = ("understanding_test2", "understanding_test2_turns")
"""Nobody who wrote rules or training messages saw these."""


def evaluate(
    settings: Settings, *, candidate: Path, champion: Path, encoder: Encoder | None = None
) -> dict[str, Any]:
    """Return the figures of both classifiers.

    Raises:
        ArtifactError: a classifier cannot be used, or the labelled sets are missing.
    """
    encoder = encoder or load_encoder(settings.retrieval)
    sets = [UtteranceSet.load(p) for n in TEST_SETS if (p := SETS / f"{n}.jsonl").is_file()]
    if not sets:
        raise ArtifactError(f"none of {TEST_SETS} lies in {SETS}; restore the repository's sets")
    folder = versions.current(settings.paths.catalog)
    rules = RuleUnderstander(Gazetteer.load(folder).names(), frozenset(Catalog.load(folder).names))
    layers = {
        name: LayeredUnderstander(
            rules, Classifier.load(path, encoder), ask_below=settings.nlu.ask_classifier_below
        )
        for name, path in (("candidate", candidate), ("champion", champion))
    }
    rows = [row for labelled in sets for row in labelled.rows]
    found = {name: [_understood(layer, row) for row in rows] for name, layer in layers.items()}
    return compare(rows, found["candidate"], found["champion"], settings) | {
        "held_out": {s.name: {"version": s.version, "messages": len(s.rows)} for s in sets}
    }


def compare(
    rows: Sequence[Utterance],
    candidate: Sequence[Understanding],
    champion: Sequence[Understanding],
    settings: Settings,
) -> dict[str, Any]:
    """Return accuracy and F1 of both, and the paired bootstrap by message of each difference."""
    drawn = Resample.of(np.arange(len(rows)), draws=settings.evaluation.draws, seed=settings.seed)
    figures, replicates = {}, {}
    for name, found in (("candidate", candidate), ("champion", champion)):
        whole = score(rows, found)
        figures[name] = {
            "intent_accuracy": round(whole.intent_accuracy, 5),
            "slot_f1": round(whole.filter_f1, 5),
            "exact": round(whole.exact, 5),
        }
        right = np.array([float(r.intent is u.intent) for r, u in zip(rows, found, strict=True)])
        replicates[name] = {
            "intent_accuracy": drawn.means(right),
            "slot_f1": _f1(rows, found, drawn),
        }
    one, other = replicates["candidate"], replicates["champion"]
    return {
        "kind": "nlu",
        **figures,
        "difference": {m: paired(one[m], other[m]).to_dict() for m in one},
        "simulated": False,
    }


def _f1(
    rows: Sequence[Utterance], found: Sequence[Understanding], drawn: Resample
) -> np.typing.NDArray[np.float64]:
    meant = [pairs(r.filters) for r in rows]
    had = [pairs(u.filters) for u in found]
    right = drawn.totals(np.array([float(len(a & b)) for a, b in zip(meant, had, strict=True)]))
    size = drawn.totals(np.array([float(len(a) + len(b)) for a, b in zip(meant, had, strict=True)]))
    return np.divide(2 * right, size, out=np.full_like(right, np.nan), where=size > 0)


def _understood(layers: LayeredUnderstander, row: Utterance) -> Understanding:
    """Understand as the service does: in a conversation the effective wish counts."""
    turns = replay(layers.understand, row.turns)
    found = layers.understand(row.text, turns)
    return resolve(found, turns) if row.turns else found
