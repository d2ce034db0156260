"""Wide & Deep in numpy: the same numbers as `training.wide_deep.network` gives, without torch. float32, no state."""

import numpy as np

from naviyam.features.build import Features
from naviyam.features.spec import HIDDEN
from naviyam.ranker.artifact import F32, Tensors


def logits(features: Features, tensors: Tensors) -> F32:
    """Return wide + deep, float32 [n] (dropout is off outside training)."""
    n = len(features.wide)
    query = features.query @ tensors["query.weight"].T
    x = np.concatenate(
        [
            tensors["user.weight"][features.user],
            tensors["shop.weight"][features.shop],
            tensors["category.weight"][features.category],
            tensors["brand.weight"][features.brand],
            np.broadcast_to(query, (n, query.shape[1])),
            features.numeric,
        ],
        axis=1,
    )
    for i in range(len(HIDDEN)):
        x = np.maximum(x @ tensors[f"deep.{i}.weight"].T + tensors[f"deep.{i}.bias"], 0)
    last = len(HIDDEN)
    x = x @ tensors[f"deep.{last}.weight"].T + tensors[f"deep.{last}.bias"]
    x = x + features.wide @ tensors["wide.weight"].T
    out: F32 = x[:, 0].astype(np.float32)
    return out


def probabilities(logit: F32) -> F32:
    """Return the sigmoid, without overflow for any float32."""
    out: F32 = (0.5 * (1 + np.tanh(0.5 * logit))).astype(np.float32)
    return out
