"""Small things to train: a base of two layers, random ranker rows, a parent and a data set of logged answers."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import ByT5Tokenizer, LlamaConfig, LlamaForCausalLM

from naviyam.clock import SEOUL, FakeClock
from naviyam.dialogue.sqlite_state import SqliteProfiles
from naviyam.features.spec import schema_hash
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.feedback.log import AppendLog
from naviyam.feedback.schema import TOMBSTONES
from naviyam.nlu.features import ngram_matrix
from naviyam.request import CATEGORIES, Intent, UserProfile
from naviyam.settings import Settings
from training.datasets.read import RANKER_SCHEMA
from training.lora.data import Sample
from training.lora.loop import Corpus, LoraTraining
from training.nlu.train import NluTraining
from training.nlu.train import Task as NluTask
from training.wide_deep.fit import Rates, Task
from training.wide_deep.network import WideDeep
from training.wide_deep.output import write_model
from training.wide_deep.rows import Rows

DIMENSION = 16
NOW = datetime(2026, 11, 21, 18, 0, tzinfo=SEOUL)
VOCABULARY = Vocabulary.of(
    users=[f"u{i}" for i in range(6)], shops=[f"s{i}" for i in range(10)], brands=["a", "b"]
)


class FixedEncoder:
    """The same vector for the same text."""

    name = "fixed"
    dimension = DIMENSION

    def encode_queries(self, texts):
        rows = [np.random.default_rng(len(t)).normal(size=DIMENSION) for t in texts]
        return np.stack(rows).astype(np.float32)

    encode_passages = encode_queries


def tiny_base(folder: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=384, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    ByT5Tokenizer().save_pretrained(folder)
    return folder


def tiny_corpus(n: int = 24) -> Corpus:
    samples = [Sample(f"q{i % 7}:" + "x" * (i % 3), f"a{i % 7}.") for i in range(n + 4)]
    return Corpus(training=tuple(samples[:n]), held_out=tuple(samples[n:]))


def tiny_training(**changes) -> LoraTraining:
    values = {
        "rank": 4, "alpha": 8, "dropout": 0.0, "epochs": 2, "learning_rate": 2e-2,
        "warmup_steps": 2, "checkpoint_every": 2, "batch_size": 4, "accumulation": 2,
    }  # fmt: skip
    return LoraTraining(**{**values, **changes})


MESSAGES = [f"{'치킨 먹고 싶어' if i % 2 else '안녕 반가워'} {'하' * (i // 2)}" for i in range(120)]


def nlu_task(**changes) -> NluTask:
    intents = [Intent.FOOD_RECOMMENDATION if i % 2 else Intent.GREETING for i in range(120)]
    dense = np.random.default_rng(2).normal(size=(120, DIMENSION)).astype(np.float32)
    config = NluTraining(**{"epochs": 4, "batch_size": 16, "dropout": 0.0, **changes})
    return NluTask.of(dense, ngram_matrix(MESSAGES), intents, config)


def random_rows(n: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    wide = rng.random((n, 50), dtype=np.float32)
    ids = [
        rng.integers(0, VOCABULARY.size(k), n) for k in ("users", "shops", "brands", "categories")
    ]
    return Rows(
        wide=wide,
        numeric=rng.random((n, 10), dtype=np.float32),
        ids=np.stack(ids, axis=1).astype(np.int64),
        query=rng.integers(0, 4, n).astype(np.int64),
        label=(wide[:, 0] + 0.2 * rng.normal(size=n) > 0.5).astype(np.float32),
        weight=rng.choice([1.0, 1.5, 2.0], n).astype(np.float32),
    )


def ranker_task(n: int = 320, **rates) -> tuple[Task, Rows]:
    values = {
        "epochs": 3, "batch_size": 32, "learning_rate": 1e-3, "wide_learning_rate": 5e-2,
        "dropout": 0.3, "seed": 7,
    }  # fmt: skip
    rows = random_rows(n, 0)
    return (
        Task(
            vocabulary=VOCABULARY,
            queries=np.random.default_rng(1).normal(size=(4, DIMENSION)).astype(np.float32),
            late=random_rows(80, 5),
            mean_weight=float(rows.weight.mean()),
            rates=Rates(**{**values, **rates}),
        ),
        rows,
    )


def parent_ranker(folder: Path, dataset_hash: str = "first") -> Path:
    torch.manual_seed(3)
    network = WideDeep(VOCABULARY, query_dimension=DIMENSION, dropout=0.3)
    write_model(
        folder,
        tensors={k: v.detach().numpy() for k, v in network.state_dict().items()},
        tables=FeatureTables(vocabulary=VOCABULARY, rates=CrossRates.empty(("관악구",))),
        metrics={},
        dataset_hash=dataset_hash,
        simulated=True,
        encoder="fixed",
        encoder_dimension=DIMENSION,
        seed=7,
        code_version="test",
    )
    return folder


async def forget(settings: Settings, user: str) -> None:
    """Forget a user as the service does."""
    log = AppendLog(settings.paths.events / TOMBSTONES, clock=FakeClock(current=NOW), window_s=0)
    log.append({"user_id": user, "recorded_at": NOW.isoformat()}).result()
    log.close()
    profiles = SqliteProfiles(settings.paths.state / "profiles.db", lambda _: None)
    await profiles.forget(user)
    profiles.close()


async def refuse(settings: Settings, user: str) -> None:
    """Let a user agree to nothing."""
    profiles = SqliteProfiles(settings.paths.state / "profiles.db", lambda _: None)
    await profiles.put(UserProfile(user_id=user, consent=False))
    profiles.close()


def logged_set(folder: Path, *, new: str, seed: int, dataset_hash: str, n: int = 200) -> Path:
    """Write a data set in which `new` marks the ids that a parent has not seen."""
    folder.mkdir(parents=True)
    for part, rows, at in (("train", n, 0), ("test", 60, 10_000_000)):
        rng = np.random.default_rng(seed + at)
        wide = rng.random((rows, 50), dtype=np.float32)
        columns = {
            "interaction_id": [f"i{i // 4:05d}" for i in range(rows)],
            "time": pa.array((np.arange(rows) // 4 + at) * 1_000_000, pa.timestamp("us", tz="UTC")),
            "user_id": [f"{new if i % 3 == 0 else 'u'}{i % 5}" for i in range(rows)],
            "shop_id": [f"{new if i % 4 == 0 else 's'}{i % 9}" for i in range(rows)],
            "category": [CATEGORIES[i % 14] for i in range(rows)],
            "brand": ["a" if i % 5 == 0 else "" for i in range(rows)],
            "query": ["김밥" if i % 2 else "" for i in range(rows)],
            "route": ["graph"] * rows,
            "label": (wide[:, 1] > 0.6).astype(np.float32),
            "weight": np.ones(rows, np.float32),
            "rank": (np.arange(rows) % 4 + 1).astype(np.int32),
            "score": rng.random(rows, dtype=np.float32),
            "propensity": np.ones(rows, np.float32),
            "examined": np.ones(rows, np.float32),
            "model": ["m"] * rows,
            "simulated": [True] * rows,
            "wide": pa.FixedSizeListArray.from_arrays(pa.array(wide.reshape(-1)), 50),
            "numeric": pa.FixedSizeListArray.from_arrays(
                pa.array(rng.random((rows, 10), dtype=np.float32).reshape(-1)), 10
            ),
        }
        table = pa.table([pa.array(columns[f.name], f.type) for f in RANKER_SCHEMA], RANKER_SCHEMA)
        pq.write_table(table, folder / f"{part}.parquet")
    card = {"kind": "ranker", "feature_schema_hash": schema_hash(), "hash": dataset_hash, "simulated": True}  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))
    return folder
