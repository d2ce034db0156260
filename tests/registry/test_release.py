import math

import pytest

from cluster.registry.release import Accepted, Interval, Refused, decide, decide_canary
from naviyam.settings import Release

LIMITS = Release()
ADAPTER = {"score": 0.60, "perplexity": 1.20, "grounded": 0.99, "safe": 1.0}
RANKER = {"precision_at_5": 0.20, "ndcg_at_5": 0.40}
CLASSIFIER = {"intent_accuracy": 0.90, "slot_f1": 0.95}
SURE = Interval(mean=0.03, low=0.01, high=0.05)
CHANCE = Interval(mean=0.03, low=-0.01, high=0.07)
EACH = ("score", "precision_at_5", "ndcg_at_5", "intent_accuracy")


def verdict(kind, champion, *, interval=SURE, limits=LIMITS, **changed):
    difference = dict.fromkeys(EACH, interval) if interval else None
    return decide(kind, {**champion, **changed}, champion, limits, difference=difference)


def test_an_adapter_needs_five_per_cent_and_a_falling_perplexity():
    good = verdict("nlg", ADAPTER, score=0.63, perplexity=1.19)
    assert isinstance(good, Accepted)
    assert good.reasons == ("score 0.6 -> 0.63 (+5.0%), perplexity 1.2 -> 1.19",)
    small = verdict("nlg", ADAPTER, score=0.629, perplexity=1.19)
    assert small.reasons == ("score 0.6 -> 0.629 is +4.8%, must rise by 5.0%",)
    same = verdict("nlg", ADAPTER, score=0.66)
    assert same.reasons == ("perplexity is 1.2, must fall below the champion's 1.2",)


@pytest.mark.parametrize("guard", ["grounded", "safe"])
def test_no_score_pays_for_less_groundedness_or_safety(guard):
    worse = verdict("nlg", ADAPTER, score=0.9, perplexity=1.0, **{guard: 0.9})
    assert isinstance(worse, Refused)
    assert guard in worse.reasons[0]
    assert "falls by" in worse.reasons[0]


@pytest.mark.parametrize("metric", ["precision_at_5", "ndcg_at_5"])
def test_a_ranker_needs_two_per_cent_in_either_measure(metric):
    assert isinstance(verdict("ranker", RANKER, **{metric: RANKER[metric] * 1.02}), Accepted)
    small = verdict("ranker", RANKER, **{metric: RANKER[metric] * 1.019})
    assert isinstance(small, Refused)
    assert len(small.reasons) == 2


def test_a_ranker_does_not_trade_one_measure_for_the_other():
    traded = verdict("ranker", RANKER, precision_at_5=0.22, ndcg_at_5=0.38)
    assert traded.reasons == ("ndcg_at_5 0.4 -> 0.38 falls by 5.0%, allowed is 2.0%",)
    little = verdict("ranker", RANKER, precision_at_5=0.22, ndcg_at_5=0.395)
    assert isinstance(little, Accepted)


def test_a_ranker_does_not_forget_what_the_champion_was_judged_by():
    better = {"precision_at_5": 0.23, "ndcg_at_5": 0.44}
    before = {**RANKER, "auc_before": 0.8}
    forgot = verdict("ranker", before, auc_before=0.7, **better)
    assert forgot.reasons == ("auc_before 0.8 -> 0.7 falls by 12.5%, allowed is 5.0%",)
    assert isinstance(verdict("ranker", before, auc_before=0.77, **better), Accepted)
    assert isinstance(verdict("ranker", RANKER, auc_before=0.1, **better), Accepted)  # not compared


def test_a_gain_that_may_be_chance_is_refused_unless_the_settings_allow_it():
    better = {"precision_at_5": 0.23, "ndcg_at_5": 0.44}
    chance = verdict("ranker", RANKER, interval=CHANCE, **better)
    assert "may be chance: its interval -0.01 to +0.07 holds 0" in chance.reasons[0]
    unknown = verdict("ranker", RANKER, interval=None, **better)
    assert "no bootstrap interval" in unknown.reasons[0]
    lenient = Release(require_interval=False)
    assert isinstance(
        verdict("ranker", RANKER, interval=CHANCE, limits=lenient, **better), Accepted
    )
    adapter = verdict("nlg", ADAPTER, interval=CHANCE, score=0.9, perplexity=1.0)
    assert "may be chance" in adapter.reasons[0]


def test_a_classifier_must_rise_and_keep_its_filters():
    assert isinstance(verdict("nlu", CLASSIFIER, intent_accuracy=0.91), Accepted)
    assert isinstance(verdict("nlu", CLASSIFIER), Refused)
    deaf = verdict("nlu", CLASSIFIER, intent_accuracy=0.95, slot_f1=0.9)
    assert "slot_f1" in deaf.reasons[0]


@pytest.mark.parametrize(
    ("kind", "champion"), [("nlg", ADAPTER), ("ranker", RANKER), ("nlu", CLASSIFIER)]
)
def test_what_was_not_measured_is_refused(kind, champion):
    for name in champion:
        without = {k: v for k, v in champion.items() if k != name}
        for candidate, other in ((without, champion), (champion, without)):
            refused = decide(kind, candidate, other, LIMITS)
            assert any(f"no finite {name}" in reason for reason in refused.reasons)
        assert isinstance(decide(kind, {**champion, name: math.nan}, champion, LIMITS), Refused)


@pytest.mark.parametrize("bound", [None, math.nan])
def test_a_difference_that_is_no_number_is_refused_with_a_reason(bound):
    unknown = Interval(mean=bound, low=bound, high=bound)
    for kind, champion, name in (("ranker", RANKER, "ndcg_at_5"), ("nlg", ADAPTER, "score")):
        better = {name: champion[name] * 1.2}
        refused = verdict(kind, champion, interval=unknown, **better)
        assert isinstance(refused, Refused)
        assert any(f"interval of {name} is no number" in r for r in refused.reasons)
        refused = verdict(kind, champion, **{name: bound})
        assert refused.reasons == (f"the candidate has no finite {name}; evaluate it first",)


def test_a_champion_of_nothing_is_beaten_by_anything_above_nothing():
    zero = {"precision_at_5": 0.0, "ndcg_at_5": 0.0}
    sure = dict.fromkeys(zero, SURE)
    assert isinstance(decide("ranker", RANKER, zero, LIMITS, difference=sure), Accepted)
    assert isinstance(decide("ranker", zero, zero, LIMITS, difference=sure), Refused)
    assert isinstance(decide("index", RANKER, zero, LIMITS), Refused)


@pytest.mark.parametrize(("kind", "needed"), [("nlg", 0.05), ("ranker", 0.03)])
def test_a_canary_needs_both_gains(kind, needed):
    def canary(offline, online):
        return decide_canary(kind, offline_gain=offline, online_gain=online, limits=LIMITS)

    assert isinstance(canary(0.021, needed + 0.001), Accepted)
    assert len(canary(0.02, needed).reasons) == 2
    assert "must be above +2.0%" in canary(0.02, 0.2).reasons[0]
    assert isinstance(canary(math.nan, 0.2), Refused)
    assert isinstance(decide_canary("nlu", offline_gain=1, online_gain=1, limits=LIMITS), Refused)
