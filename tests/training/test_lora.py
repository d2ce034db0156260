"""The first adapter's data and loop: every target is true, the same seed makes the same weights, a crash costs nothing."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import ByT5Tokenizer, LlamaConfig, LlamaForCausalLM

from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog
from naviyam.catalog.tables import write_tables
from naviyam.errors import ArtifactError
from naviyam.nlg.prompt import END
from naviyam.simulation.shops import sample_shops
from naviyam.text.easy import STIGMA_WORDS
from training.lora.card import write_card
from training.lora.data import Sample, make_samples, write_samples
from training.lora.dataset import Conversations
from training.lora.loop import Corpus, LoraTraining, Progress, fingerprint, train
from training.lora.shape import in_shape_of
from training.tune.studies import LoraStudy


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("catalog")
    shops, menus = sample_shops(random.Random(3), count=60)
    nothing = Events.from_rows([], simulated=True)
    write_tables(
        folder, shops, menus, [], nothing, {"made": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
    )
    return Catalog.load(folder)


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=384, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    ByT5Tokenizer().save_pretrained(folder)
    return folder


SAMPLES = [Sample(f"q{i % 7}:", f"a{i % 7}.") for i in range(96)]
CONFIG = LoraTraining(
    rank=4, alpha=8, epochs=3, learning_rate=2e-2, warmup_steps=4, checkpoint_every=20, held_out=8
)


def quiet(progress: Progress) -> None:
    """Report to nobody."""


def test_dialogues_are_seeded_varied_and_end_where_they_should(catalog: Catalog) -> None:
    samples = make_samples(catalog, count=200, seed=5)
    assert samples == make_samples(catalog, count=200, seed=5)
    assert samples != make_samples(catalog, count=200, seed=6)
    assert len({s.completion for s in samples}) > 150
    assert all(s.completion.endswith(END) and s.completion.count(END) == 1 for s in samples)
    assert not any(word in s.completion for s in samples for word in STIGMA_WORDS)
    assert {w for s in samples for w in ("recommend", "cheaper", "others", "select", "shop") if f"\n{w}" in s.prompt} == {
        "recommend", "cheaper", "others", "select", "shop"
    }  # fmt: skip


def test_targets_hold_slots_and_no_facts(catalog: Catalog) -> None:
    names = [n for n in catalog.names if len(n) > 3]
    for sample in make_samples(catalog, count=100, seed=1):
        assert not any(name in sample.completion for name in names)
        assert "원" not in sample.completion.replace("원하", "")


@pytest.mark.slow
def test_training_learns_and_repeats_itself(tiny_base: Path, tmp_path: Path) -> None:
    first = train(tiny_base, SAMPLES, tmp_path / "a", CONFIG, report=quiet)
    second = train(tiny_base, SAMPLES, tmp_path / "b", CONFIG, report=quiet)
    assert first["perplexity"] < 0.8 * first["base_perplexity"]
    assert first == second
    assert same_weights(tmp_path / "a", tmp_path / "b")


@pytest.mark.slow
def test_a_broken_run_continues_to_the_same_weights(tiny_base: Path, tmp_path: Path) -> None:
    class CrashError(RuntimeError):
        pass

    def crash(progress: Progress) -> None:
        if progress.step == 50:
            raise CrashError

    train(tiny_base, SAMPLES, tmp_path / "whole", CONFIG, report=quiet)
    with pytest.raises(CrashError):
        train(tiny_base, SAMPLES, tmp_path / "broken", CONFIG, report=crash)
    seen: list[int] = []
    train(tiny_base, SAMPLES, tmp_path / "broken", CONFIG, report=lambda p: seen.append(p.step))
    assert seen[0] == 50, "it went on from step 40 and did not start over"
    assert same_weights(tmp_path / "whole", tmp_path / "broken")
    assert not (tmp_path / "broken" / ".checkpoint").exists()


def test_the_card_names_what_made_the_adapter(tiny_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "nlg"
    metrics = train(tiny_base, SAMPLES[:24], out, CONFIG, report=quiet)
    digest = write_samples(tmp_path / "data.jsonl", SAMPLES)
    data = {"sha256": digest, "samples": 24, "source": "test", "catalog": "v1", "simulated": True}
    write_card(out, base="tiny", config=CONFIG, metrics=metrics, data=data, code="0")
    card = json.loads((out / "model.json").read_text())
    assert card["base"] == "tiny"
    assert card["data"]["simulated"] is True
    assert card["metrics"]["base_perplexity"] > card["metrics"]["perplexity"]
    assert "simulated" in (out / "README.md").read_text()


def test_an_adapter_goes_on_in_its_parent_s_shape(tmp_path: Path) -> None:
    assert in_shape_of(CONFIG, None) == CONFIG
    with pytest.raises(ArtifactError, match="no adapter's configuration"):
        in_shape_of(CONFIG, tmp_path)
    shape = {"r": 4, "lora_alpha": 64, "target_modules": sorted(CONFIG.target_modules)}
    (tmp_path / "adapter_config.json").write_text(json.dumps(shape))
    assert in_shape_of(CONFIG, tmp_path) == replace(CONFIG, rank=4, alpha=64)
    (tmp_path / "adapter_config.json").write_text(json.dumps(shape | {"target_modules": ["x"]}))
    with pytest.raises(ArtifactError, match="set llm"):
        in_shape_of(CONFIG, tmp_path)


def test_a_checkpoint_is_of_one_configuration_data_and_parent(tmp_path: Path) -> None:
    corpus = Corpus.split(SAMPLES, CONFIG)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"1")
    marks = [
        fingerprint(CONFIG, corpus, None),
        fingerprint(replace(CONFIG, seed=99), corpus, None),
        fingerprint(CONFIG, replace(corpus, training=corpus.training[1:]), None),
        fingerprint(CONFIG, corpus, tmp_path),
    ]
    assert marks[0] == fingerprint(CONFIG, Corpus.split(SAMPLES, CONFIG), None)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"2")
    assert len({*marks, fingerprint(CONFIG, corpus, tmp_path)}) == 5


def test_no_trial_is_chosen_by_what_judges_the_candidate(tmp_path: Path) -> None:
    corpus = Corpus(training=tuple(SAMPLES[:24]), held_out=tuple(SAMPLES[24:30]))
    study = LoraStudy(
        base=tmp_path, base_name="tiny", conversations=Conversations(corpus=corpus, card={}),
        training=CONFIG, trial_samples=10, code_version="0",
    )  # fmt: skip
    trial = study.trial_corpus()
    assert trial.training == corpus.training[:10]
    assert trial.held_out == corpus.training[20:]


def same_weights(a: Path, b: Path) -> bool:
    left, right = (load_file(x / "adapter_model.safetensors") for x in (a, b))
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
