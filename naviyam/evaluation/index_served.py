"""What both measurings of indexes share: the index as served, time, recall. Values and arrays only."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.retrieval.ann import Ann
from naviyam.retrieval.dense import Dense
from naviyam.settings import Retrieval

Vectors = npt.NDArray[np.float32]
K = 20


def served(ann: Ann, vectors: Vectors, settings: Retrieval, **changes: Any) -> Dense:
    """Return the index as the service would use it if the size asked for its kind."""
    ivf_from = 0 if ann.kind == "ivf" else len(vectors) + 1
    update = {"exact_up_to": 0, "ivf_from": ivf_from, **changes}
    return Dense(vectors, settings.model_copy(update=update), ann=ann)


def times(search: Callable[[Vectors], object], queries: Vectors) -> list[float]:
    """Return the seconds of each search, one after the other, after one that is not counted."""
    search(queries[0])
    taken = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        taken.append(time.perf_counter() - began)
    return taken


def recall(found: Any, truth: Any) -> float:
    """Return the mean share of each query's true rows that were found."""
    shares = [np.isin(t, f).mean() for f, t in zip(found, truth, strict=True)]
    return round(float(np.mean(shares)), 4)


def ms(seconds: list[float], percent: float) -> float:
    """Return a percentile in milliseconds."""
    return round(float(np.percentile(seconds, percent)) * 1_000, 3)
