"""What any understanding must beat: the most frequent intent, and the labels of the nearest labelled message. Pure."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from naviyam.evaluation.understanding import Utterance
from naviyam.request import Understanding

F32 = npt.NDArray[np.float32]


def most_frequent(rows: Sequence[Utterance], memory: Sequence[Utterance]) -> list[Understanding]:
    """Answer every message with the intent that `memory` holds most often, and no filters."""
    ((intent, count),) = Counter(row.intent for row in memory).most_common(1)
    answer = Understanding(intent=intent, confidence=count / len(memory), decided_by="frequency")
    return [answer] * len(rows)


def nearest(
    rows: Sequence[Utterance], vectors: F32, memory: Sequence[Utterance], memory_vectors: F32
) -> list[Understanding]:
    """Answer with intent and filters of the nearest message of `memory` that is not the same text (unit vectors [n, d])."""
    likeness = vectors @ memory_vectors.T
    for i, row in enumerate(rows):
        for j, other in enumerate(memory):
            if row.text == other.text:
                likeness[i, j] = -1.0
    best = likeness.argmax(axis=1)
    return [
        Understanding(
            intent=memory[j].intent,
            confidence=float(max(0.0, likeness[i, j])),
            filters=memory[j].filters,
            decided_by="neighbour",
        )
        for i, j in enumerate(best.tolist())
    ]
