"""Experiments from start to end, over a store in memory and a registry of real folders."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.rollout.experiment import TRANSITIONS, Experiment, Happening, State
from naviyam.errors import ConflictError, InputError, NotFoundError


def champion(registry, model="ranker"):
    return registry.alias(model, "champion").version


@pytest.fixture
def running(rollouts):
    return rollouts.start("ranker", "challenger", who="test", why="try it", offline_gain=0.04)


def serves(*_):
    return True


def test_an_experiment_gives_the_first_step_of_the_plan_to_the_candidate(
    running, rollouts, registry
):
    (split,) = rollouts.experiments.traffic().splits
    assert (split.weight, split.stable) == (0.10, champion(registry))
    assert split.candidate == registry.alias("ranker", "challenger").version
    assert running.offline_gain == 0.04


def test_steps_follow_the_plan_and_end_with_it(running, rollouts):
    weights = [rollouts.advance(running.id, who="t", why="").weight for _ in range(3)]
    assert weights == [0.25, 0.5, 1.0]
    with pytest.raises(ConflictError, match="last step"):
        rollouts.advance(running.id, who="t", why="")


def test_one_experiment_a_layer_and_others_beside_it(running, rollouts):
    with pytest.raises(ConflictError, match=running.id):
        rollouts.start("ranker", "challenger", who="t")
    rollouts.start("adapter", "challenger", who="t")
    rollouts.start("retriever", "words", who="t")
    assert {s.layer for s in rollouts.experiments.traffic().splits} == {
        "ranker",
        "adapter",
        "retriever",
    }


def test_a_promotion_is_over_only_when_the_version_serves_by_itself(running, rollouts, registry):
    rollouts.promote(running.id, who="t", why="better")
    assert rollouts.experiments.traffic().splits[0].weight == 1.0
    held = rollouts.settle(running.id, serves=lambda model, version: False)
    assert held.state is State.PROMOTING
    assert champion(registry) == running.candidate
    assert rollouts.experiments.traffic().splits[0].weight == 1.0
    assert rollouts.settle(running.id, serves=serves).state is State.PROMOTED
    assert rollouts.experiments.traffic().splits == ()


def test_a_rollback_takes_the_candidate_away_at_once_and_for_good(running, rollouts, registry):
    rollouts.roll_back(running.id, who="t", why="errors 9 %", evidence={"errors": 9})
    assert rollouts.experiments.traffic().splits == ()
    assert rollouts.settle(running.id, serves=serves).state is State.ROLLED_BACK
    with pytest.raises(ConflictError, match="errors 9 %"):
        rollouts.start("ranker", running.candidate, who="t")
    kept = [e.note for e in rollouts.experiments.history(running.id)]
    assert {"errors": 9} in [dict(note.evidence) for note in kept]


def test_a_promoted_version_can_be_rolled_back_too(running, rollouts, registry):
    old = champion(registry)
    rollouts.promote(running.id, who="t", why="better")
    rollouts.settle(running.id, serves=serves)
    rollouts.roll_back(running.id, who="t", why="errors after all")
    rollouts.settle(running.id, serves=serves)
    assert champion(registry) == old
    assert registry.get("ranker", running.candidate).refused


def test_settling_twice_changes_nothing_the_second_time(running, rollouts, registry):
    rollouts.roll_back(running.id, who="t", why="worse")
    rollouts.settle(running.id, serves=serves)
    before = (registry.history("ranker"), rollouts.experiments.history(running.id))
    rollouts.settle(running.id, serves=serves)
    assert (registry.history("ranker"), rollouts.experiments.history(running.id)) == before


class CrashError(Exception):
    pass


class DiesWriting:
    """A store whose process dies before a change is written."""

    def __init__(self, store):
        self.get = store.get

    def change(self, before, after, note):
        raise CrashError


@pytest.mark.parametrize("decided", ["promote", "roll_back"])
def test_a_crash_before_the_end_is_written_is_carried_on(running, rollouts, registry, decided):
    getattr(rollouts, decided)(running.id, who="t", why="decided")
    with pytest.raises(CrashError):
        replace(rollouts, experiments=DiesWriting(rollouts.experiments)).settle(
            running.id, serves=serves
        )
    served = registry.history("ranker")
    ended = rollouts.settle(running.id, serves=serves)
    assert ended.state in (State.PROMOTED, State.ROLLED_BACK)
    assert registry.history("ranker") == served


def test_a_pause_gives_everybody_what_serves_and_resume_gives_the_share_back(running, rollouts):
    rollouts.advance(running.id, who="t", why="")
    rollouts.pause(running.id, who="t", why="the split is not what was asked for")
    assert rollouts.experiments.traffic().splits == ()
    assert rollouts.resume(running.id, who="t").weight == 0.25


def test_an_aborted_candidate_may_come_back_and_a_variant_serves_after_its_promotion(rollouts):
    first = rollouts.start("retriever", "words", who="t")
    rollouts.abort(first.id, who="t")
    again = rollouts.start("retriever", "words", who="t")
    rollouts.promote(again.id, who="t", why="better")
    rollouts.settle(again.id, serves=serves)
    assert rollouts.experiments.traffic().defaults == {"retriever": "words"}
    with pytest.raises(ConflictError, match="already"):
        rollouts.start("retriever", "words", who="t")


def test_what_cannot_be_started_says_why(rollouts, registry):
    with pytest.raises(ConflictError, match="serves already"):
        rollouts.start("ranker", "champion", who="t")
    with pytest.raises(NotFoundError, match="nope"):
        rollouts.start("ranker", "nope", who="t")
    with pytest.raises(InputError, match="meaning, words"):
        rollouts.start("retriever", "nope", who="t")
    with pytest.raises(InputError, match=r"1\.5"):
        rollouts.start("ranker", "challenger", who="t", weight=1.5)


@given(st.sampled_from(State), st.sampled_from(Happening))
def test_every_change_of_state_is_in_the_table_or_an_error_that_names_both(state, happening):
    held = Experiment(
        id="e", layer="ranker", stable="a", candidate="b", salt="s", steps=(), state=state,
        created_at=datetime(2026, 1, 1, tzinfo=UTC), who="t",
    )  # fmt: skip
    if (state, happening) in TRANSITIONS:
        assert held.after(happening, why="").state is TRANSITIONS[state, happening]
    else:
        with pytest.raises(ConflictError, match=f"{state.value}: {happening.value}"):
            held.after(happening, why="")
