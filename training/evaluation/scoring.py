"""A ranker's chances for logged candidates, from the features as served. numpy only; the network is `naviyam.ranker.forward`.

Ids become rows by the vocabulary of the model that scores, so that any two models read the same samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.features.build import Features
from naviyam.ranker.artifact import Artifact, load_artifact
from naviyam.ranker.forward import logits, probabilities
from naviyam.request import CATEGORIES
from naviyam.retrieval.encoder import Encoder

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_] | Sequence[str]

_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logged:
    """Candidates [n] as they were logged: ids by name, `category` into `CATEGORIES`, `wide` [n, 50], `numeric` [n, 10]."""

    user_ids: Names
    shop_ids: Names
    brands: Names
    category: npt.NDArray[np.int32]
    queries: Names
    wide: F32
    numeric: F32


def open_ranker(folder: Path, encoder: Encoder) -> Artifact:
    """Return a ranker that was trained with this encoder.

    Raises:
        ArtifactError: the folder is damaged, or the ranker reads other embeddings.
    """
    artifact = load_artifact(folder)
    made_for = (artifact.card.encoder, artifact.card.encoder_dimension)
    if made_for != (encoder.name, encoder.dimension):
        raise ArtifactError(
            f"{folder} was trained with encoder {made_for}, here is {(encoder.name, encoder.dimension)}; "
            "set retrieval.encoder to it or train again"
        )
    return artifact


def query_vectors(queries: Names, encoder: Encoder) -> tuple[F32, npt.NDArray[np.int64]]:
    """Return the vector of every different query, zero for "", and which of them each row has."""
    names, which = np.unique(np.asarray(queries, dtype=str), return_inverse=True)
    vectors = np.zeros((len(names), encoder.dimension), np.float32)
    said = np.flatnonzero(names != "")
    if len(said):
        vectors[said] = encoder.encode_queries(names[said].tolist())
    return vectors, which.reshape(-1)


def chances(artifact: Artifact, logged: Logged, encoder: Encoder) -> F64:
    """Return the probability of a choice for every candidate [n]."""
    known = artifact.tables.vocabulary
    rows = {
        "user": known.rows("users", list(logged.user_ids)),
        "shop": known.rows("shops", list(logged.shop_ids)),
        "category": known.rows("categories", CATEGORIES)[logged.category],
        "brand": known.rows("brands", list(logged.brands)),
    }
    vectors, which = query_vectors(logged.queries, encoder)
    found = np.empty(len(logged.wide), np.float64)
    for begin in range(0, len(found), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        features = Features(
            wide=logged.wide[some],
            numeric=logged.numeric[some],
            query=vectors[which[some]],
            **{name: values[some] for name, values in rows.items()},
        )
        found[some] = probabilities(logits(features, artifact.tensors))
    return found
