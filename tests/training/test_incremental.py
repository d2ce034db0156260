"""Going on from a parent: growth, replay, resumption, several processes. No Ray."""

import asyncio
import json
import multiprocessing
import os
import random
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from naviyam.errors import ArtifactError, ConfigError
from naviyam.features.vocabulary import Vocabulary
from naviyam.ranker.artifact import load_artifact
from naviyam.ranker.forward import logits
from naviyam.settings import Settings
from training.datasets.absent import Absent
from training.exchange import Exchange, read_state, sharded, write_state
from training.lora.batches import EMPTY, Encoded, plan_epoch, share_of
from training.lora.dataset import read_conversations
from training.lora.loop import Trainee as LoraTrainee
from training.lora.loop import schedule, train
from training.wide_deep import incremental
from training.wide_deep.fit import Trainee, windows_of
from training.wide_deep.growth import grown_tensors
from training.wide_deep.rows import Rows, features_of, write_rows


@pytest.fixture(scope="module")
def base(small, tmp_path_factory):
    return small.tiny_base(tmp_path_factory.mktemp("base"))


def test_accumulated_batches_teach_what_one_large_batch_does(small, base, tmp_path):
    corpus = small.tiny_corpus(8)
    runs = {"many": small.tiny_training(), "one": small.tiny_training(batch_size=8, accumulation=1)}
    metrics = {
        name: train(base, corpus, tmp_path / name, config, report=lambda _: None)
        for name, config in runs.items()
    }
    assert metrics["many"]["steps"] == metrics["one"]["steps"] == 2
    many, one = (load_file(tmp_path / n / "adapter_model.safetensors") for n in runs)
    for name, tensor in many.items():
        torch.testing.assert_close(tensor, one[name], atol=2e-3, rtol=2e-2)
    assert metrics["many"]["perplexity_epoch_1"] > metrics["many"]["perplexity_epoch_2"]


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_every_sample_of_a_step_is_one_process_s(world):
    encoded = [Encoded(list(range(2 + i % 5)), 1) for i in range(37)]
    steps = list(plan_epoch(encoded, batch_size=4, accumulation=2, rng=random.Random(1)))
    for step in steps:
        shares = [share_of(step, rank=r, world=world, batch_size=4) for r in range(world)]
        assert len({len(s.micros) for s in shares}) == 1, "all exchange gradients equally often"
        dealt = [id(e) for s in shares for m in s.micros[: s.counted] for e in m]
        assert sorted(dealt) == sorted(id(e) for micro in step for e in micro)
        assert all(m == [EMPTY] for s in shares for m in s.micros[s.counted :])
        assert max(len(m) for s in shares for m in s.micros) <= 4
    assert sum(len(m) for step in steps for m in step) == 37


def _process(rank, strategy, port, base, config, corpus, out):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)

    def wrap(module):
        if strategy == "ddp":
            return DistributedDataParallel(module)
        return sharded(module, module.blocks())

    trainee = LoraTrainee(base, config, exchange=Exchange(rank=rank, world=2, wrap=wrap))
    metrics, tensors = trainee.fit(corpus, report=lambda _: None, save=lambda state: None)
    if rank == 0:
        torch.save({"metrics": metrics, "tensors": tensors}, out)
    distributed.destroy_process_group()


@pytest.mark.ray  # no session, but two processes that take seconds to start
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_does(small, base, tmp_path, strategy, free_port):
    expected = train(
        base, small.tiny_corpus(22), tmp_path / "one", small.tiny_training(), report=lambda _: None
    )
    context = multiprocessing.get_context("fork")
    corpus = small.tiny_corpus(22)
    arguments = (strategy, free_port, base, small.tiny_training(), corpus, tmp_path / "two.pt")
    processes = [context.Process(target=_process, args=(r, *arguments)) for r in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [p.exitcode for p in processes] == [0, 0]
    got = torch.load(tmp_path / "two.pt", weights_only=True)
    assert got["metrics"] == pytest.approx(expected, rel=1e-3)
    one = load_file(tmp_path / "one" / "adapter_model.safetensors")
    for name, tensor in got["tensors"].items():
        torch.testing.assert_close(tensor, one[name], atol=5e-3, rtol=5e-2)


@pytest.fixture
def free_port():
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_short_run_reaches_its_learning_rate():
    assert max(schedule(i, 30, 50) for i in range(30)) == 1
    assert schedule(0, 200, 50) == 1 / 50


def test_growing_moves_no_row_and_changes_no_score(small, tmp_path):
    artifact = load_artifact(small.parent_ranker(tmp_path / "parent"))
    before = artifact.tables.vocabulary
    after = before.grown(users=["zoe", "u1"], shops=["s1", "aaa", "bbb"], brands=["c"])
    grown = grown_tensors(artifact.tensors, before, after)
    for name, old in artifact.tensors.items():
        np.testing.assert_array_equal(grown[name].numpy()[: len(old)], old)
    assert len(grown["shop.weight"]) == before.size("shops") + 2
    rows = small.random_rows(50, 2)
    queries = small.ranker_task()[0].queries
    unknown = replace(rows, ids=rows.ids * [[0, 0, 1, 1]])
    last = np.array([after.size("users") - 1, after.size("shops") - 1, 0, 0])
    new = replace(rows, ids=unknown.ids + last)
    tensors = {k: v.numpy() for k, v in grown.items()}
    np.testing.assert_array_equal(
        logits(features_of(unknown, queries), artifact.tensors),
        logits(features_of(new, queries), tensors),
    )


def test_a_vocabulary_made_anew_is_refused(small, tmp_path):
    artifact = load_artifact(small.parent_ranker(tmp_path / "parent"))
    other = Vocabulary.of(users=["a", "u1"], shops=(), brands=())
    with pytest.raises(ArtifactError, match="users of the parent moved"):
        grown_tensors(artifact.tensors, artifact.tables.vocabulary, other)


def test_a_broken_ranker_run_goes_on_to_the_same_weights(small, tmp_path):
    task, rows = small.ranker_task()

    class CrashError(RuntimeError):
        pass

    def crash(trainee):
        write_state(tmp_path, trainee.state())
        if len(trainee.losses) == 2:
            raise CrashError

    whole = Trainee(task).fit(windows_of(rows, task))
    with pytest.raises(CrashError):
        Trainee(task).fit(windows_of(rows, task), after=crash)
    seen = []
    again = Trainee(task).fit(
        windows_of(rows, task),
        after=lambda t: seen.append(len(t.losses)),
        restored=read_state(tmp_path),
    )
    assert seen == [3]
    assert again.losses == whole.losses
    assert all(torch.equal(again.tensors[k], whole.tensors[k]) for k in whole.tensors)


def test_small_windows_hold_every_row_once(small):
    task, rows = small.ranker_task(n=100, shuffle_window=30)
    windows = list(windows_of(rows, task)())
    assert [len(w.label) for w in windows] == [30, 30, 30, 10]
    np.testing.assert_array_equal(torch.cat([w.batch.ids for w in windows]).numpy(), rows.ids)


def test_rows_survive_parquet(small, tmp_path):
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = small.random_rows(40, 1)
    write_rows(tmp_path / "rows.parquet", rows)
    table = pq.read_table(tmp_path / "rows.parquet")
    columns = {n: table[n].to_numpy(zero_copy_only=False) for n in table.column_names}
    assert Rows.of(columns).digest() == rows.digest()


def test_the_ranker_goes_on_from_its_parent(small, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    sets = settings.paths.state / "datasets" / "ranker"
    small.logged_set(sets / "v1", new="u", seed=1, dataset_hash="first")
    data = small.logged_set(sets / "v2", new="n", seed=2, dataset_hash="second")
    parent = small.parent_ranker(tmp_path / "parent")
    plan = incremental.plan(settings, data, parent, encoder=small.FixedEncoder())
    share = plan.replayed / len(plan.rows)
    assert share == pytest.approx(0.3, abs=0.05)
    result = incremental.finish(
        plan, incremental.fit_here(plan.task, plan.rows), tmp_path / "out", code_version="t"
    )
    made = load_artifact(tmp_path / "out")
    before = load_artifact(parent)
    assert made.card.parent == before.card.version
    assert made.card.version == result["version"] != before.card.version
    assert made.card.dataset_hash == "second"
    assert made.card.simulated
    users = made.tables.vocabulary.users
    assert users[: len(small.VOCABULARY.users)] == small.VOCABULARY.users
    assert {u for u in users if u.startswith("n")} == {"n0", "n1", "n2", "n3", "n4"}
    metrics = result["metrics"]
    assert metrics["log_loss"] < metrics["parent"]["log_loss"]
    assert set(metrics["on_parents_test"]) == set(metrics["parent_on_its_test"])
    again = incremental.plan(settings, data, parent, encoder=small.FixedEncoder())
    assert again.rows.digest() == plan.rows.digest()
    alone = settings.model_copy(
        update={
            "ranker_training": settings.ranker_training.model_copy(
                update={
                    "incremental": settings.ranker_training.incremental.model_copy(
                        update={"replay_share": 0.0}
                    )
                }
            )
        }
    )
    assert incremental.plan(alone, data, parent, encoder=small.FixedEncoder()).replayed == 0


def test_who_left_is_neither_replayed_nor_kept_in_the_vocabulary(small, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    sets = settings.paths.state / "datasets" / "ranker"
    small.logged_set(sets / "v1", new="u", seed=1, dataset_hash="first")
    data = small.logged_set(sets / "v2", new="n", seed=2, dataset_hash="second")
    parent = small.parent_ranker(tmp_path / "parent")
    whole = incremental.plan(settings, data, parent, encoder=small.FixedEncoder())
    asyncio.run(small.forget(settings, "u1"))
    asyncio.run(small.refuse(settings, "u2"))
    plan = incremental.plan(settings, data, parent, encoder=small.FixedEncoder())
    users = plan.task.vocabulary.users
    assert set(whole.task.vocabulary.users) - set(users) == {"u1", "u2"}
    assert users[:2] == ("u0", "u3")
    for name, (_, logged) in plan.tests.items():
        gone = np.isin(whole.tests[name][1].user_ids.astype(str), ["u1", "u2"])
        assert gone.any()
        assert len(logged.label) == (~gone).sum()
    # Everybody else's answers are those that they were.
    old, seen = (
        plan.tests["old"],
        ~np.isin(whole.tests["old"][1].user_ids.astype(str), ["u1", "u2"]),
    )
    np.testing.assert_array_equal(
        logits(features_of(old[0], plan.task.queries), _numpy(plan.task.start)),
        logits(features_of(whole.tests["old"][0], whole.task.queries), _numpy(whole.task.start))[
            seen
        ],
    )
    assert plan.rows.ids[:, 0].max() < len(users) + 1 == len(plan.task.start["user.weight"])
    assert len(plan.rows) - plan.replayed < len(whole.rows) - whole.replayed


def test_nothing_is_replayed_that_judges(small, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    sets = settings.paths.state / "datasets" / "ranker"
    small.logged_set(sets / "v1", new="u", seed=1, dataset_hash="first")
    data = small.logged_set(sets / "v2", new="n", seed=2, dataset_hash="second")
    card = json.loads((data / "card.json").read_text())
    parent = small.parent_ranker(tmp_path / "parent")
    replayed = []
    for cut_s in (
        50,
        10,
        0,
    ):  # the parent's part to learn from is four rows a second, 50 seconds long
        (data / "card.json").write_text(json.dumps(card | {"cut_us": max(cut_s * 1_000_000, 1)}))
        plan = incremental.plan(settings, data, parent, encoder=small.FixedEncoder())
        replayed.append(plan.replayed)
    assert replayed[0] > 40 > replayed[1] > replayed[2] == 0


def test_a_returned_user_s_second_life_ends_with_the_second_forgetting():
    first = datetime(2026, 1, 1, tzinfo=UTC)
    absent = Absent(forgotten={"a": first}, silent=frozenset({"s"}))
    users = np.array(["a", "a-new", "a-new", "b", "s", "s-new"], object)
    at = int(first.timestamp())
    time = np.array([at + 9, at, at + 1, at, at, at])
    assert absent.allows(users, time).tolist() == [False, False, True, True, False, False]
    known = ("a", "a-new", "b", "s")
    assert absent.left(known, at + 1) == {"a", "s"}
    assert absent.left(known, at) == absent.left(known, None) == {"a", "a-new", "s"}


def _numpy(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def test_another_encoder_is_refused(small, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    data = small.logged_set(tmp_path / "set", new="n", seed=2, dataset_hash="second")

    class Other(small.FixedEncoder):
        name = "other"

    with pytest.raises(ConfigError, match="trained with encoder fixed"):
        incremental.plan(settings, data, small.parent_ranker(tmp_path / "p"), encoder=Other())


def test_conversations_need_both_parts(tmp_path):
    with pytest.raises(ArtifactError, match="no data set of conversations"):
        read_conversations(tmp_path)
