"""The pipeline as it runs: kill -9 at random points changes nothing of what it registers, and bad sets teach nobody."""

import random
import time
from types import SimpleNamespace

import pytest

from tests.pipelines.killing import data_set, make

pytestmark = [pytest.mark.slow, pytest.mark.mlflow]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """An installation that learned from a good set, which lies among its data sets, and how long that took."""
    root = tmp_path_factory.mktemp("learned")
    small = make(root)
    good = data_set(small.settings.paths.state / "datasets" / "ranker", "good")
    began = time.perf_counter()
    outcome = small.learn(good)
    took_s = time.perf_counter() - began
    assert outcome["decision"] == "promoted"
    return SimpleNamespace(small=small, good=good, took_s=took_s, result=small.result())


def test_any_number_of_kills_leads_to_the_same_registered_version(learned, tmp_path):
    rng, kills = random.Random(5), 0
    for run in range(9):
        small = make(tmp_path / str(run))
        kills += small.learn_under_kills(learned.good, rng, learned.took_s)
        assert small.result() == learned.result
        if kills >= 5:
            break
    assert kills >= 5
    assert [act for act, _ in learned.result["history"]] == ["adopt", "promote"]


@pytest.mark.parametrize("labels", ["inverted", "shuffled"])
def test_a_planted_bad_set_leads_to_a_refused_candidate(learned, labels):
    """Inverted labels are consistent: judged by their own later part alone such a candidate would be the better one."""
    bad = data_set(learned.good.parent, labels, seed=9, labels=labels)
    outcome = learned.small.learn(bad)
    assert outcome["decision"] == "refused"
    assert any("auc_before" in reason for reason in outcome["reasons"]) or labels == "shuffled"
    after = learned.small.result()
    assert after["champion"] == after["current"] == learned.result["champion"]
    assert after["history"] == learned.result["history"]
