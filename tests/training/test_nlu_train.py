"""The intent classifier's loop: it learns, repeats itself, and a crash costs nothing."""

import copy

import numpy as np
import pytest
import torch

from naviyam.nlu.features import ngram_matrix
from training.nlu.train import Trainee, finished


def test_it_learns_what_is_held_out_and_repeats_itself(small):
    task = small.nlu_task()
    first, second = (finished(task, Trainee(task).fit()) for _ in range(2))
    assert first.held_out_accuracy > 0.9
    assert first.held_out == 12
    for name, array in first.weights.items():
        np.testing.assert_array_equal(array, second.weights[name])


def test_the_network_reads_embeddings_beside_n_grams_of_unit_length(small):
    task = small.nlu_task()
    expected = np.concatenate([task.dense, ngram_matrix(small.MESSAGES)], axis=1)
    np.testing.assert_array_equal(task.matrix(), expected)


def test_a_broken_run_continues_to_the_same_weights(small):
    task = small.nlu_task(dropout=0.3)
    kept = []
    whole = Trainee(task).fit(after=lambda t: kept.append(copy.deepcopy(t.state())))
    told = []
    again = Trainee(task).fit(after=lambda t: told.append(t.epoch), restored=kept[1])
    assert told == [3, 4]
    for name, tensor in whole.items():
        assert torch.equal(again[name], tensor), name


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"seed": 8}, {"epochs": 3}])
def test_another_configuration_gives_other_weights(small, changes):
    one, other = (Trainee(small.nlu_task(**c)).fit() for c in ({}, changes))
    assert not torch.equal(one["parts.0.0.weight"], other["parts.0.0.weight"])
