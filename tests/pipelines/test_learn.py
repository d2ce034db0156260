"""`naviyam learn` over functions in place of the programs: what is decided, what serves, and what a break leaves."""

import json

import pytest

from cluster.programs import LOST, SAID_WHY, ProgramError, StepLostError
from cluster.registry.memory_registry import MemoryRecords
from naviyam.errors import ConflictError, InputError
from tests.pipelines.world import WORSE, KilledError, World, value_of, write_ranker
from training.pipelines.__main__ import exit_code
from training.pipelines.journal import Journal, alone
from training.pipelines.learn import Learning, Options


def candidates(world):
    return [v for v in world.registry.versions("ranker") if v.version != "v1"]


def test_a_better_candidate_is_registered_with_its_origin_and_serves(world):
    outcome = world.learn()["ranker"]
    assert outcome["decision"] == "promoted"
    assert outcome["version"] == world.serving() != "v1"
    (made,) = candidates(world)
    assert (made.lineage.parent, made.lineage.dataset_hash) == ("v1", "h1")
    assert made.lineage.simulated is True
    assert made.metrics["ndcg_at_5"] == 0.44
    acts = [(e.act, e.who) for e in world.registry.history("ranker")]
    assert acts == [("adopt", "registry"), ("promote", "learn")]
    assert value_of("--parent", world.asked["training.wide_deep"]).endswith("/ranker/v1")


def test_without_new_feedback_nothing_runs_and_the_answer_says_since_when(world):
    run = world.learn()["run"]
    world.ran.clear()
    again = world.learn()
    assert world.ran == []
    since = again["skipped"].removeprefix("no new feedback since ")
    assert since.replace("-", "").replace(":", "").startswith(run[:15])
    assert len(world.registry.history("ranker")) == 2


def test_feedback_that_came_after_the_last_run_is_new(world):
    world.learn()
    world.feedback()
    world.ran.clear()
    world.weight = 3.0
    assert world.learn()["ranker"]["decision"] == "promoted"
    assert world.ran[0] == "training.datasets"
    last = next(Journal.runs(world.root / "learn"))
    assert last.steps["feedback"]["feedback"] == 1


def test_a_run_that_left_a_model_out_leaves_it_its_feedback(world):
    world.sets["nlg"] = {"skipped": "no good conversations"}
    world.learn()
    world.ran.clear()
    both = world.learn(only=())
    assert both["nlg"] == {"skipped": "no good conversations"}
    assert world.ran, "the ranker's run is no run of the adapter"


def test_sets_are_made_only_for_what_learns(world):
    world.learn()
    assert value_of("--only", world.asked["training.datasets"]) == "ranker"


def test_a_worse_candidate_is_refused_in_words_and_numbers(world):
    world.measured = WORSE
    outcome = world.learn()["ranker"]
    assert outcome["decision"] == "refused"
    assert any("0.4 -> 0.28" in reason and "-30.0%" in reason for reason in outcome["reasons"])
    assert world.serving() == "v1"
    (made,) = candidates(world)
    assert made.refused == "; ".join(outcome["reasons"])
    assert world.registry.alias("ranker", "challenger") is None


def test_weights_that_were_refused_stay_refused(world):
    world.measured = WORSE
    refused = world.learn()["ranker"]
    world.feedback()
    world.measured = World(world.root).measured
    again = world.learn()["ranker"]
    assert (again["decision"], again["version"]) == ("refused", refused["version"])
    assert "0.28" in again["reasons"][0]
    assert world.serving() == "v1"


def test_training_that_changes_nothing_is_refused_and_the_champion_stays_good(world):
    world.weight, world.measured = 1.0, WORSE
    outcome = world.learn()["ranker"]
    assert outcome["reasons"] == ["training left v1 as it was"]
    assert world.registry.get("ranker", "v1").refused is None


def test_a_planted_set_is_trained_on_and_its_card_is_believed(world, tmp_path):
    planted = tmp_path / "bad"
    planted.mkdir()
    (planted / "card.json").write_text(json.dumps({"hash": "x", "simulated": True}))
    world.measured = WORSE
    outcome = world.learn(data={"ranker": planted})["ranker"]
    assert outcome["decision"] == "refused"
    assert "training.datasets" not in world.ran
    assert value_of("--data", world.asked["training.wide_deep"]) == str(planted)
    (made,) = candidates(world)
    assert (made.lineage.dataset_hash, made.lineage.simulated) == ("x", True)
    world.ran.clear()
    world.learn()
    assert "training.wide_deep" in world.ran, "the log's feedback was not learned from yet"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"rows": 3}, "3 samples, at least 4 are needed (learning.min_samples)"),
        ({"skipped": "nothing was chosen since"}, "nothing was chosen since"),
    ],
)
def test_too_little_is_skipped_with_the_reason(world, found, why):
    world.sets["ranker"] = {**world.sets["ranker"], **found}
    assert world.learn()["ranker"] == {"skipped": why}
    assert world.ran == ["training.datasets"]
    assert candidates(world) == []


def test_what_is_held_back_is_the_challenger(world):
    outcome = world.learn(promote=False)["ranker"]
    assert outcome["decision"] == "challenger"
    assert world.registry.alias("ranker", "challenger").version == outcome["version"]
    assert world.serving() == "v1"


def test_two_runs_at_once_are_refused(world):
    root = world.root / "learn"
    with alone(root), pytest.raises(ConflictError, match="another process is learning"):
        world.learn()
    assert world.learn()["ranker"]["decision"] == "promoted"


def test_a_name_that_does_not_learn_is_refused(world):
    with pytest.raises(InputError, match=r"\['index'\].*ranker.*nlg"):
        world.learn(only=("index",))


def test_a_broken_run_is_not_ended_with_other_choices(world, tmp_path):
    data, world.sets = world.sets, {"ranker": {"train": 9}}
    with pytest.raises(KeyError):
        world.learn()
    world.sets = data
    with pytest.raises(ConflictError, match=r"broken off.*'only': \['ranker'\].*the usual"):
        world.learn(only=())
    assert "skipped" not in next(Journal.runs(world.root / "learn")).steps


class DyingJournal(Journal):
    """Dies at a chosen writing of a step, before it or right after it."""

    left = -1
    written = False

    def _write(self):
        cls = type(self)
        dies, cls.left = cls.left == 0, cls.left - 1
        if dies and not cls.written:
            raise KilledError
        super()._write()
        if dies:
            raise KilledError


class DyingRecords(MemoryRecords):
    """Dies before the n-th write; the writes before it are kept."""

    left = -1

    def _step(self):
        self.left -= 1
        if self.left == -1:
            raise KilledError

    def add(self, version):
        self._step()
        super().add(version)

    def mark(self, *args, **values):
        self._step()
        super().mark(*args, **values)

    def set_alias(self, *args):
        self._step()
        super().set_alias(*args)

    def append(self, entry):
        self._step()
        super().append(entry)


def one_result(world, decision="promoted"):
    """Check that the log led to one version that was decided on once."""
    (made,) = candidates(world)
    write_ranker(world.root / "alone", world.weight)
    assert made.digest == world.registry.register("ranker", world.root / "alone").digest
    acts = [e.act for e in world.registry.history("ranker")]
    if decision == "promoted":
        assert world.serving() == made.version
        assert acts == ["adopt", "promote"]
    else:
        assert world.serving() == "v1"
        assert (acts, bool(made.refused)) == (["adopt"], True)


def run_dying(world, at, *, written):
    """Run with a death at the journal's n-th writing (1: the feedback step); return whether it died."""
    DyingJournal.left, DyingJournal.written = at, written
    root = world.root / "learn"
    try:
        options = Options(only=("ranker",))
        Learning(
            world.settings,
            None,
            runner=world.runner,
            registry=world.registry,
            journal=DyingJournal.begin(root, world.clock.now(), options.asked()),
            options=options,
            say=lambda line: None,
        ).run(None)
    except KilledError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("at", "written"), [*((at, False) for at in range(8)), (7, True)])
def test_a_kill_around_any_step_leads_to_the_same_version(world, at, written):
    world.measured = WORSE if at % 2 else world.measured
    assert run_dying(world, at, written=written)
    steps = len(world.ran)
    outcome = world.learn()
    decided = "refused" if at % 2 else "promoted"
    if (at, written) == (7, True):
        assert "no new feedback" in outcome["skipped"], "the run had come to its end"
    else:
        assert outcome["ranker"]["decision"] == decided
        assert len(world.ran) <= steps + (3 if at < 3 else 2 if at < 5 else 1)
    one_result(world, decided)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left", "decision"), [*((n, "promoted") for n in range(8)), (3, "refused"), (4, "refused")]
)
def test_a_kill_between_two_writes_of_the_registry_leads_to_the_same_version(world, left, decision):
    records = world.records = DyingRecords()
    world.measured = WORSE if decision == "refused" else world.measured
    records.left = left
    with pytest.raises(KilledError):
        world.learn()
    assert world.learn()["ranker"]["decision"] == decision
    one_result(world, decision)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["datasets", "wide_deep", "evaluation"])
def test_a_program_that_died_runs_again_and_those_before_it_do_not(world, module):
    world.dies = name = f"training.{module}"
    with pytest.raises(KilledError):
        world.learn()
    world.dies = ""
    world.ran.clear()
    assert world.learn()["ranker"]["decision"] == "promoted"
    assert world.ran[0] == name
    one_result(world)


def test_half_the_batch_is_handed_to_the_trainer_and_is_the_same_run(world):
    world.learn(batch_scale=0.5)
    assert value_of("--batch-scale", world.asked["training.wide_deep"]) == "0.5"
    assert next(Journal.runs(world.root / "learn")).asked == {"only": ["ranker"]}


def test_a_lost_step_ends_the_run_as_lost_and_a_refusal_as_refused():
    assert exit_code(ProgramError("killed", code=-9)) == LOST
    assert exit_code(StepLostError("three times")) == LOST
    assert exit_code(ProgramError("too few rows", code=SAID_WHY)) == SAID_WHY
    assert exit_code(ConflictError("another process learns")) == SAID_WHY
