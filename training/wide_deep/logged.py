"""Logged answers, and what the parent learned from, as rows of one vocabulary. No torch, no loop."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.features.vocabulary import KINDS, UNKNOWN_ROW, Vocabulary
from naviyam.retrieval.encoder import Encoder
from training.datasets.read import RankerRows, find_set, read_card, read_ranker
from training.wide_deep.rows import F32, Rows

_ENCODED_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queries:
    """Query texts and their embeddings [q, d]; row 0 is no query and zero."""

    row_of: dict[str, int]
    vectors: F32

    @classmethod
    def of(cls, texts: Iterable[str], encoder: Encoder) -> "Queries":
        """Embed every text once, in sorted order."""
        names = sorted({t for t in texts if t})
        parts = [
            encoder.encode_queries(names[i : i + _ENCODED_AT_ONCE])
            for i in range(0, len(names), _ENCODED_AT_ONCE)
        ]
        zero = np.zeros((1, encoder.dimension), np.float32)
        return cls(
            row_of={"": 0} | {name: i + 1 for i, name in enumerate(names)},
            vectors=np.concatenate([zero, *parts]).astype(np.float32),
        )


def rows_of_logged(logged: RankerRows, vocabulary: Vocabulary, queries: Queries) -> Rows:
    """Return logged samples with the vocabulary's embedding rows; ids it lacks are the unknown one."""
    known = np.array([UNKNOWN_ROW, *range(1, vocabulary.size("categories"))], np.int64)
    ids = np.stack(
        [
            vocabulary.rows("users", logged.user_ids.tolist()),
            vocabulary.rows("shops", logged.shop_ids.tolist()),
            vocabulary.rows("brands", logged.brands.tolist()),
            known[logged.category + 1],
        ],
        axis=1,
    ).astype(np.int64)
    return Rows(
        wide=logged.wide,
        numeric=logged.numeric,
        ids=ids,
        query=np.array([queries.row_of.get(q, 0) for q in logged.queries], np.int64),
        label=logged.label,
        weight=logged.weight,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Earlier:
    """The parent's own samples: `train` and `test` as logged names, in order of time."""

    train: RankerRows
    test: RankerRows
    folder: Path

    def until(self) -> float:
        """Return the time of the last sample in epoch seconds."""
        return float(max(part.time.max(initial=0) for part in (self.train, self.test)))


def earlier_data(root: Path, dataset_hash: str, parent: Vocabulary) -> Earlier | None:
    """Return the data set below `root` that a parent was trained on, None where it is no longer on disk."""
    folder = find_set(root, dataset_hash)
    if folder is None:
        return None
    if (folder / "samples.parquet").is_file():
        return _initial(folder, parent)
    ranker = read_ranker(folder)
    return Earlier(train=ranker.train, test=ranker.test, folder=folder)


def _initial(folder: Path, parent: Vocabulary) -> Earlier:
    """Return the initial set, whose ids are rows of the parent's vocabulary, under their names."""
    table = pq.read_table(folder / "samples.parquet", partitioning=None)
    texts = read_card(folder)["queries"]
    parts = {
        name: _named(table.filter(pa.compute.equal(table["part"], name)), parent, texts)
        for name in ("train", "test")
    }
    return Earlier(train=parts["train"], test=parts["test"], folder=folder)


def _named(table: pa.Table, vocabulary: Vocabulary, texts: list[str]) -> RankerRows:
    def numbers(name: str, kind: Any) -> Any:
        return table[name].to_numpy().astype(kind)

    def matrix(name: str) -> F32:
        column = table[name].combine_chunks()
        flat = np.ascontiguousarray(column.flatten().to_numpy(), np.float32)
        return flat.reshape(len(column), -1)

    names = {kind: np.array(["", *getattr(vocabulary, kind)], object) for kind in KINDS}
    n = table.num_rows
    session = numbers("session", np.int32)
    return RankerRows(
        user_ids=names["users"][numbers("user_row", np.int64)],
        shop_ids=names["shops"][numbers("shop_row", np.int64)],
        brands=names["brands"][numbers("brand_row", np.int64)],
        queries=np.array(["", *texts[1:]], object)[numbers("query", np.int64)],
        category=numbers("category_row", np.int32) - 1,
        interaction_ids=np.array([f"initial-{s}" for s in session.tolist()], object),
        session=session,
        time=numbers("time", np.int64),
        label=numbers("label", np.float32),
        weight=numbers("weight", np.float32),
        rank=np.zeros(n, np.int32),
        score=np.zeros(n, np.float32),
        propensity=np.ones(n, np.float32),
        examined=np.ones(n, np.float32),
        wide=matrix("wide"),
        numeric=matrix("numeric"),
    )
