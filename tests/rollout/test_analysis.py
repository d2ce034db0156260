import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.rollout.analysis import analyse
from cluster.rollout.outcomes import WeightChange
from cluster.rollout.replay import analyse_file, parse_stream
from naviyam.errors import InputError
from naviyam.settings import Rollout
from tests.rollout.crowd import DAY_S, at, crowd, seen

ROLLOUT = Rollout(outcome_window_s=3600)
LATER = at(10 * DAY_S)


def look(stream, *, weights=0.5, now=LATER, rollout=ROLLOUT):
    return analyse(stream, weights=weights, settings=rollout, now=now)


def guards(found):
    return {guard.name: guard for guard in found.guardrails}


def test_figures_of_both_arms():
    found = look(
        [
            seen("a", clicked=True, satisfaction=4, latency_s=1.0),
            seen("a", after_s=60, latency_s=3.0, error=True),
            seen("b", "candidate", 90, ordered=True, clicked=True, unsafe=True),
        ]
    )
    stable, candidate = found.arms["stable"], found.arms["candidate"]
    assert (stable.users, stable.answers, stable.ctr, stable.raters) == (1, 2, 0.5, 1)
    assert (stable.satisfaction, stable.error_rate, stable.latency_p50_s) == (4.0, 0.5, 2.0)
    assert (candidate.ctr, candidate.order_rate, candidate.unsafe_rate) == (1.0, 1.0, 1.0)
    assert candidate.satisfaction is None


def test_nothing_and_little_alarm_nowhere():
    for stream in ([], [seen("a")], [seen("a", "candidate", error=True, unsafe=True)] * 5):
        found = look(stream)
        assert not any(guard.breached for guard in found.guardrails)
        assert not (found.sample_ratio.breached)
        assert not (found.both_arms.breached)
        assert not any(d.better or d.worse for d in found.differences.values())
        json.dumps(found.to_dict())


def test_a_difference_is_that_of_the_means_and_found_where_it_is_large():
    found = look(crowd(4000, clicks=(0.3, 0.4)))
    ctr = found.differences["ctr"]
    gap = found.arms["candidate"].ctr - found.arms["stable"].ctr
    assert ctr.absolute.estimate == pytest.approx(gap)
    assert ctr.relative.estimate == pytest.approx(gap / found.arms["stable"].ctr)
    assert ctr.better
    assert not found.differences["order_rate"].better


def test_satisfaction_is_told_in_stars():
    found = look(crowd(3000, stars=(3.5, 4.0)))
    satisfaction = found.differences["satisfaction"]
    gap = found.arms["candidate"].satisfaction - found.arms["stable"].satisfaction
    assert satisfaction.absolute.estimate == pytest.approx(gap)
    assert 0.3 < gap < 0.6
    assert satisfaction.better


def test_what_changes_from_day_to_day_is_no_difference_between_arms():
    """Clicks double on the day on which the candidate's share does: pooled means would call that its doing."""
    weights = [WeightChange(at=at(0), weight=0.1), WeightChange(at=at(DAY_S), weight=0.5)]
    quiet = crowd(1400, weight=0.1, clicks=(0.2, 0.2))
    busy = crowd(1400, weight=0.5, clicks=(0.4, 0.4), from_s=DAY_S + 60, prefix="v")
    found = look([*quiet, *busy], weights=weights)
    pooled = found.arms["candidate"].ctr - found.arms["stable"].ctr
    ctr = found.differences["ctr"]
    assert pooled > 0.05
    assert abs(ctr.absolute.estimate) < 0.03
    assert not (ctr.better)
    assert not (ctr.worse)


def test_at_a_weight_of_1_what_was_seen_before_still_counts():
    weights = [WeightChange(at=at(0), weight=0.5), WeightChange(at=at(4 * DAY_S), weight=1.0)]
    before = crowd(4000, clicks=(0.3, 0.4))
    after = crowd(500, weight=1.0, clicks=(0.3, 0.4), from_s=4 * DAY_S + 60, prefix="v")
    found = look([*before, *after], weights=weights)
    assert found.weight == 1.0
    assert found.differences["ctr"].users == 4000
    assert found.differences["ctr"].better
    assert found.arms["candidate"].users > 2000


def test_users_who_moved_are_no_fault_and_count_with_what_they_did_before():
    weights = [WeightChange(at=at(0), weight=0.1), WeightChange(at=at(1000), weight=0.25)]
    stream = [seen(f"u{i}", after_s=i * 5, clicked=True) for i in range(100)]
    stream += [seen(f"u{i}", "candidate", 1100 + i) for i in range(20)]
    found = look(stream, weights=weights)
    assert (found.moved, found.left_out, found.both_arms.events) == (20, 0, 0)
    assert found.arms["stable"].ctr == 1.0
    assert found.arms["candidate"].users == 0


def test_users_in_both_arms_are_left_out_and_breach():
    stream = [*crowd(300), *(seen(f"u{i}", arm, 60 * i + 7) for i in range(15) for arm in ARMS)]
    found = look(stream)
    assert found.both_arms.events == found.left_out == 15
    assert found.both_arms.breached
    assert found.arms["stable"].users + found.arms["candidate"].users == 285


ARMS = ("stable", "candidate")


def test_a_split_that_is_not_the_weights_breaches():
    assert look(crowd(600, weight=0.3), weights=0.5).sample_ratio.breached
    assert not look(crowd(600, weight=0.3), weights=0.3).sample_ratio.breached


def test_an_unknown_weight_is_taken_as_found_and_judges_no_split():
    found = look(crowd(600, weight=0.3), weights=None)
    assert not found.weight_known
    assert found.weight == pytest.approx(0.3, abs=0.05)
    assert not (found.sample_ratio.judged)
    assert not (found.sample_ratio.breached)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("errors", {"errors": (0.005, 0.12)}),
        ("unsafe", {"unsafe": (0.005, 0.06)}),
        ("slow answers", {"slowness": 2.0}),
    ],
)
def test_guardrails(name, facts):
    found = guards(look(crowd(400, **facts)))
    assert [each for each, guard in found.items() if guard.breached] == [name]


def test_what_fails_in_both_arms_is_not_the_candidates_doing():
    assert not guards(look(crowd(600, errors=(0.15, 0.15))))["errors"].breached


def test_without_stable_answers_latency_cannot_be_judged():
    found = guards(look([seen(f"u{i}", "candidate", i, latency_s=60.0) for i in range(50)]))
    assert sorted(found) == ["errors", "unsafe"]


def test_a_look_knows_nothing_of_later():
    stream = crowd(600)
    early = look(stream, now=at(6 * 3600))
    assert early == look([s for s in stream if s.at <= at(6 * 3600)], now=at(6 * 3600))
    assert early.waiting == 60
    assert early.arms["stable"].users + early.arms["candidate"].users == 301


@given(st.randoms())
@settings(max_examples=5, deadline=None)
def test_the_order_of_the_stream_does_not_matter(rng):
    stream = list(crowd(60))
    shuffled = list(stream)
    rng.shuffle(shuffled)
    assert look(shuffled) == look(stream)


def test_a_recorded_stream_is_analysed_as_it_was(tmp_path):
    stream = crowd(300, clicks=(0.2, 0.5))
    path = tmp_path / "stream.jsonl"
    path.write_text("\n".join(json.dumps(s.to_dict()) for s in stream) + "\n\n")
    assert parse_stream(path.read_text().splitlines()) == tuple(
        sorted(stream, key=lambda s: (s.at, s.user_id))
    )
    found = analyse_file(path, weights=0.5, settings=ROLLOUT)
    assert replace(found, at=LATER) == look(stream)
    assert found.waiting == 0
    assert found.at == stream[-1].at + timedelta(seconds=3601)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no answer"),
        ("{}", "line 1: no answer of an experiment"),
        ("\nnonsense", "line 2: Expecting value"),
    ],
)
def test_a_stream_that_is_none_says_where(tmp_path, text, why):
    path = tmp_path / "stream.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        analyse_file(path, weights=0.5, settings=ROLLOUT)
    with pytest.raises(InputError, match="no stream in"):
        analyse_file(tmp_path / "none.jsonl", weights=0.5, settings=ROLLOUT)


def test_a_busy_evening_is_not_the_candidates_doing():
    """Its share had grown by then: over the whole life the candidate saw more of it than the stable arm did."""
    calm = crowd(600, weight=0.1, every_s=20)
    evening_s = 600 * 20 + 3600.0
    busy = [
        replace(s, latency_s=3 * s.latency_s)
        for s in crowd(600, weight=0.5, every_s=20, from_s=evening_s, seed=2, prefix="v")
    ]
    grown = [WeightChange(at=at(0), weight=0.1), WeightChange(at=at(evening_s), weight=0.5)]
    found = guards(look([*calm, *busy], weights=grown))
    assert not found["slow answers"].breached
    slower = [replace(s, latency_s=2 * s.latency_s) if s.arm == "candidate" else s for s in busy]
    assert guards(look([*calm, *slower], weights=grown))["slow answers"].breached
