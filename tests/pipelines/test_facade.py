"""The surface that earlier code was written against: each name does what its docstring says it returns."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.jobs.commands import JobCommands
from cluster.jobs.memory_store import MemoryStore
from naviyam import versions
from naviyam.errors import InputError
from naviyam.feedback.store import EventStore
from tests.pipelines.world import CHAMPION, value_of
from training.facade import BatchTrainingScheduler, LoraTrainer, create_lora_trainer
from training.lora.dataset import read_conversations
from training.pipelines.runner import InProcessRunner

ROWS = [{"prompt": f"질문 {i}", "completion": f"답 {i}이에요."} for i in range(10)]


def adapter(folder: Path, weights: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(weights)
    return folder


@pytest.fixture
def trainer(world):
    root = world.settings.paths.models / "nlg"
    adapter(root / "a1", "first")
    versions.set_current(root, "a1")

    def train(arguments):
        world.asked["training.lora"] = arguments
        adapter(Path(value_of("--out", arguments)), "second")
        return {"metrics": {"perplexity": 3.5}}

    programs = {**world.runner.programs, "training.lora": train}
    return LoraTrainer(
        model="nlg",
        events=EventStore.of(world.settings),
        settings=world.settings,
        config=None,
        registry=world.registry,
        runner=InProcessRunner(programs=programs),
        clock=world.clock,
    )


def test_given_rows_become_a_data_set_and_a_registered_version_that_does_not_serve(trainer, world):
    bad = [
        {"prompt": "내 번호는 010-1234-5678", "completion": "네."},
        {"prompt": "밥집", "completion": "결식 아동도 갈 수 있어요."},
    ]
    made = trainer.train_lora_adapter("nlg", [*bad, *ROWS])
    read = read_conversations(Path(made["data"]))
    assert [s.prompt for s in read.corpus.held_out] == ["질문 8", "질문 9"]
    assert len(read.corpus.training) == 8
    assert read.card["simulated"] is True
    card = json.loads((Path(made["data"]) / "card.json").read_text())
    assert card["dropped"] == {"personal_data": 1, "hurtful_word": 1}
    assert value_of("--parent", world.asked["training.lora"]).endswith("/nlg/a1")
    held = world.registry.get("nlg", made["version"])
    assert (held.lineage.parent, held.lineage.dataset_hash) == ("a1", card["hash"])
    assert made["metrics"]["perplexity"] == 3.5
    assert world.registry.alias("nlg", "champion").version == "a1"


def test_a_data_set_folder_is_trained_on_as_it_is(trainer, world):
    data = trainer.train_lora_adapter("nlg", ROWS)["data"]
    again = trainer.train_lora_adapter("nlg", data)
    assert again["data"] == data == value_of("--data", world.asked["training.lora"])
    assert pq.read_table(Path(data) / "test.parquet")["simulated"].to_pylist() == [True, True]


@pytest.mark.parametrize("rows", [ROWS[:1], [{"prompt": "질문"}, *ROWS]])
def test_rows_that_cannot_be_trained_on_are_refused(trainer, rows):
    with pytest.raises(InputError, match=r"at least 2 are needed|row 0 holds \['prompt'\]"):
        trainer.train_lora_adapter("nlg", rows)


def test_triggers_learn_as_the_pipeline_does(trainer, world):
    world.sets["nlg"] = {"skipped": "no good conversations"}
    found = trainer.manual_trigger_training("ranker")
    assert found["ranker"]["decision"] == "promoted"
    assert "nlg" not in found
    assert world.registry.history("ranker")[-1].who == "trainer facade"
    assert trainer.start_auto_training()["nlg"] == {"skipped": "no good conversations"}


def test_a_rollback_brings_the_last_good_version_back(trainer, world):
    made = trainer.train_lora_adapter("nlg", ROWS)
    world.registry.promote("nlg", made["version"], who="t", why="t")
    back = trainer.rollback_adapter("nlg")
    assert (back["version"], back["previous"], back["act"]) == ("a1", made["version"], "rollback")
    assert versions.current_version(world.settings.paths.models / "nlg") == "a1"


def test_versions_are_compared_without_touching_them(trainer, world):
    made = trainer.train_lora_adapter("nlg", ROWS)
    found = trainer.compare_adapter_performance(["champion", made["version"]], Path(made["data"]))
    assert found["against"] == "a1"
    assert found["metrics"] == {"a1": CHAMPION, made["version"]: world.measured}
    assert found["differences"][made["version"]]["ndcg_at_5"]["low"] == 0.01
    assert world.asked["training.evaluation"][0] == "lora"
    world.registry.promote("nlg", made["version"], who="t", why="its files are as they were")
    with pytest.raises(InputError, match="name two or more"):
        trainer.compare_adapter_performance(["champion", made["version"]], Path(made["data"]))


def test_statistics_count_the_log_and_the_sets(trainer, world):
    trainer.train_lora_adapter("nlg", ROWS)
    found = trainer.get_data_statistics()
    assert found["feedback"] == {"all": 1, "simulated": 1}
    assert found["interactions"]["all"] == 0
    assert found["sets"]["nlg-given"]["rows"] == {"train": 8, "test": 2}


def test_a_trainer_is_made_from_a_settings_file(tmp_path, world):
    config = tmp_path / "c.yaml"
    config.write_text(f"paths: {{state: {tmp_path / 'other'}}}\n", encoding="utf-8")
    trainer = create_lora_trainer("nlg", None, config, registry=world.registry)
    assert trainer.get_data_statistics()["feedback"]["all"] == 0


def test_a_job_is_queued_with_its_options_and_priority(world):
    store = MemoryStore()
    commands = JobCommands(settings=world.settings, store=store, clock=world.clock)
    scheduler = BatchTrainingScheduler(commands=commands)
    options = {"only": ["nlg"], "hold": True, "jobs": False, "max_steps": 5}
    job = store.job(scheduler.submit_job("learn", options, priority=3))
    assert job.spec.module == "training.pipelines"
    assert job.spec.arguments == ("--only", "nlg", "--hold", "--max-steps", "5")
    assert (job.spec.priority, job.spec.who) == (3, "trainer facade")
    with pytest.raises(InputError, match="there are"):
        scheduler.submit_job("magic", {}, priority=1)
