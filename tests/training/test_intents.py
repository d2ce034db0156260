"""Several small networks are averaged into one that the classifier reads as any other."""

import numpy as np

from naviyam.nlu.classifier import INTENTS
from naviyam.nlu.features import BUCKETS
from training.nlu.train import NluTraining, Task, Trained, Trainee, finished


def train(dense, grams, intents, config) -> Trained:
    task = Task.of(dense, grams, intents, config)
    return finished(task, Trainee(task).fit())


def test_the_mean_of_several_networks_is_one_network_of_their_width() -> None:
    rng = np.random.default_rng(3)
    dense = rng.normal(size=(40, 6)).astype(np.float32)
    grams = np.zeros((40, BUCKETS), np.float32)
    config = NluTraining(epochs=2, hidden=4, networks=3, dropout=0.0)
    intents = [INTENTS[i % 3] for i in range(40)]
    found = train(dense, grams, intents, config)
    assert found.weights["dense"].shape == (6, 12)
    assert found.weights["out"].shape == (12, len(INTENTS))
    one = train(dense, grams, intents, NluTraining(epochs=2, hidden=4, networks=1, dropout=0.0))
    alone = np.maximum(dense @ one.weights["dense"] + one.weights["hidden_bias"], 0)
    first = np.maximum(dense @ found.weights["dense"] + found.weights["hidden_bias"], 0)[:, :4]
    np.testing.assert_allclose(first, alone, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.weights["out"][:4] * 3, one.weights["out"], rtol=1e-4, atol=1e-5
    )
