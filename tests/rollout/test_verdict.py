import json
from dataclasses import replace
from functools import cache

import pytest

from cluster.rollout.analysis import analyse
from cluster.rollout.outcomes import WeightChange
from cluster.rollout.verdict import Course, judge
from naviyam.settings import Release, Rollout
from tests.rollout.crowd import DAY_S, at, crowd, seen

ROLLOUT = Rollout(outcome_window_s=3600)
RANKER = Course(layer="ranker", offline_gain=0.04, step=1, in_step_s=DAY_S, age_s=2 * DAY_S)
ADAPTER = replace(RANKER, layer="adapter")


@cache
def look(users=4000, weights=0.5, more=(), **facts):
    return analyse(
        [*crowd(users, **facts), *more], weights=weights, settings=ROLLOUT, now=at(10 * DAY_S)
    )


def verdict(analysis, course=RANKER):
    found = judge(analysis, course, rollout=ROLLOUT, release=Release())
    json.dumps(found.to_dict())
    assert found.reasons
    assert found.note
    return found


def test_a_ranker_with_more_clicks_is_promoted():
    found = verdict(look(clicks=(0.3, 0.4)))
    assert found.action == "promote"
    assert found.reasons == (
        "click-through +30.2%, +9.40 points (+5.29 to +13.37) over 4,000 users; above 0 at every look, "
        "and above the 3.0% asked for",
        "offline gain 4.0%, above 2.0%",
    )
    assert found.note == "승격: 클릭률 +30.2%, 이용자 4,000명에서 확인되었습니다."


@pytest.mark.parametrize("layer", ["retriever", "prompt"])
def test_retrievers_and_prompts_are_judged_by_clicks(layer):
    assert verdict(look(clicks=(0.3, 0.4)), replace(RANKER, layer=layer)).action == "promote"


def test_an_adapter_is_promoted_by_satisfaction_and_not_by_clicks():
    assert verdict(look(stars=(3.5, 4.0)), ADAPTER).action == "promote"
    clicks_only = verdict(look(clicks=(0.3, 0.4), stars=(3.5, 3.5)), ADAPTER)
    assert clicks_only.action == "advance"


@pytest.mark.parametrize(
    ("gain", "why"),
    [(None, "the offline gain is not known"), (0.02, "offline gain 2.0% is not above 2.0%")],
)
def test_without_an_offline_gain_nothing_is_promoted(gain, why):
    course = replace(RANKER, offline_gain=gain, step=2, in_step_s=60)
    found = verdict(look(clicks=(0.3, 0.4)), course)
    assert (found.action, found.reasons) == ("hold", ("12.0 h more at 50%", why))


def test_a_gain_that_is_real_and_small_is_not_promoted():
    asked = Release(canary_click_gain=0.5)
    found = judge(look(clicks=(0.3, 0.4)), RANKER, rollout=ROLLOUT, release=asked)
    assert found.action == "advance"


def test_nothing_is_promoted_or_advanced_before_the_minimums_of_the_step():
    found = verdict(look(clicks=(0.3, 0.4)), replace(RANKER, in_step_s=3600))
    assert (found.action, found.reasons[0]) == ("hold", "11.0 h more at 25%")
    few = verdict(look(users=300), RANKER)
    assert few.action == "hold"
    assert few.reasons[0] == (
        "104 more users of the candidate with a known outcome (146 of 250; 0 users of either arm are waited for)"
    )
    assert few.note == "유지: 후보 이용자 146/250명, 클릭률 -13.9%."


def test_without_a_difference_steps_follow_each_other_up_to_the_last_that_compares():
    found = verdict(look())
    assert (found.action, found.reasons[1]) == ("advance", "next is 50% of the users")
    at_half = verdict(look(), replace(RANKER, step=2))
    assert at_half.action == "hold"
    assert "nobody is left to compare with" in at_half.reasons[0]


def test_proof_from_before_promotes_at_a_weight_of_1():
    weights = (WeightChange(at=at(0), weight=0.5), WeightChange(at=at(4 * DAY_S), weight=1.0))
    after = crowd(100, weight=1.0, from_s=4 * DAY_S, prefix="v")
    found = verdict(look(weights=weights, more=after, clicks=(0.3, 0.4)), replace(RANKER, step=3))
    assert found.action == "promote"


def test_harm_rolls_back_whatever_the_layer():
    fewer = verdict(look(clicks=(0.4, 0.3)), ADAPTER)
    assert fewer.action == "roll_back"
    assert fewer.reasons == (
        "click-through -25.7%, -10.52 points (-14.56 to -6.55) over 4,000 users; below 0 at every look",
    )
    assert fewer.note == "되돌림: 클릭률 -25.7%, 우연이 아닙니다."
    assert verdict(look(stars=(4.0, 3.5))).action == "roll_back"


def test_a_guardrail_rolls_back_at_once_even_what_wins():
    course = replace(RANKER, step=0, in_step_s=60, age_s=60)
    found = verdict(look(clicks=(0.3, 0.5), errors=(0.0, 0.2)), course)
    assert found.action == "roll_back"
    assert found.reasons[0].startswith(
        "errors of the candidate 18.7% (750 of 4,017 answers), limit 5.0%"
    )
    assert found.note.startswith("되돌림: 오류율 18.7%(한도 5.0%)")


def test_a_burst_says_what_it_was_within_its_hour():
    late = tuple(seen(f"x{i}", "candidate", 5 * DAY_S + i, error=i % 2 == 0) for i in range(60))
    calm = tuple(seen(f"y{i}", "stable", 5 * DAY_S + i) for i in range(60))
    found = verdict(look(more=late + calm))
    assert found.action == "roll_back"
    assert "within an hour" in found.reasons[0]


def test_an_error_share_above_its_limit_without_proof_holds():
    found = verdict(look(users=4000, errors=(0.08, 0.08)))
    assert found.action == "hold"
    assert "which may be chance or the stable arm's too" in found.reasons[0]


def test_a_wrong_split_pauses_before_any_comparison_is_believed():
    found = verdict(look(weights=0.4, clicks=(0.4, 0.3)))
    assert found.action == "pause"
    assert "the weights foretell 1,600: evidence" in found.reasons[0]
    assert found.note.startswith("일시 정지: 이용자 배분이 비율과 다릅니다")


def test_nothing_rests_on_a_split_in_doubt():
    found = verdict(look(weights=0.48, clicks=(0.3, 0.4)))
    assert found.action == "hold"
    assert found.reasons[0].startswith("the split is in doubt: 2,011 of 4,000 users")


def test_users_in_both_arms_pause():
    both = tuple(
        seen(f"z{i}", arm, 60.0 * i) for i in range(100) for arm in ("stable", "candidate")
    )
    assert verdict(look(more=both)).action == "pause"


def test_time_ends_what_is_not_decided_and_nothing_that_is():
    old = replace(RANKER, age_s=14 * DAY_S)
    found = verdict(look(), old)
    assert found.action == "inconclusive"
    assert found.reasons[0] == "14.0 days without a decision, limit 14"
    assert verdict(look(clicks=(0.3, 0.4)), old).action == "promote"
    assert verdict(look(users=1), old).action == "inconclusive"
