"""Reading a published data set: the columns of ranker samples and how they become arrays. Needs neither torch nor Ray.

A set is a folder `paths.state/datasets/<name>/<version>/` with `train.parquet`, `test.parquet` and `card.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.errors import ArtifactError
from naviyam.features.spec import NUMERIC, WIDE, schema_hash
from naviyam.request import CATEGORIES

PARTS: Final = ("train", "test")
CARD: Final = "card.json"

TEXT_SCHEMA: Final = pa.schema(
    [
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("interaction_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("simulated", pa.bool_()),
        ("written_by", pa.string()),
    ]
)
"""Of `nlg`, `nlu` and `tone`; `completion` ends with the end token, the loss is on it alone."""

RANKER_SCHEMA: Final = pa.schema(
    [
        ("interaction_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("user_id", pa.string()),
        ("shop_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("query", pa.string()),
        ("route", pa.string()),
        ("label", pa.float32()),
        ("weight", pa.float32()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("propensity", pa.float32()),
        ("examined", pa.float32()),
        ("model", pa.string()),
        ("simulated", pa.bool_()),
        ("wide", pa.list_(pa.float32(), len(WIDE))),
        ("numeric", pa.list_(pa.float32(), len(NUMERIC))),
    ]
)
"""Rows of one answer follow each other, best rank first. `weight` is whole: the kind of feedback, hard negatives and the
correction for position are in it. `propensity` is the chance with which the policy showed the shop there (as logged),
`examined` the estimated chance that somebody looks at that rank."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankerRows:
    """Samples [n] by time. Ids are names: the vocabulary of the model that trains gives them rows."""

    user_ids: npt.NDArray[np.object_]
    shop_ids: npt.NDArray[np.object_]
    brands: npt.NDArray[np.object_]
    """"" where the shop has none."""

    queries: npt.NDArray[np.object_]
    """What the ranker was asked with, "" where nothing (its vector is zero)."""

    category: npt.NDArray[np.int32]
    """Index into `CATEGORIES`."""

    interaction_ids: npt.NDArray[np.object_]
    session: npt.NDArray[np.int32]
    """Numbers the answers from 0 in order; rows of one answer share it."""

    time: npt.NDArray[np.int64]
    """Epoch seconds."""

    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    rank: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    propensity: npt.NDArray[np.float32]
    examined: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]
    """[n, 50] as served."""

    numeric: npt.NDArray[np.float32]
    """[n, 10] as served."""

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the rows at `index` (numbers or a mask)."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankerSet:
    """A published ranker set: the earlier part, the later one and the card."""

    train: RankerRows
    test: RankerRows
    card: Mapping[str, Any]


def read_card(folder: Path) -> dict[str, Any]:
    """Return a set's card.

    Raises:
        ArtifactError: there is none, or it is not JSON.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArtifactError(
            f"{folder} holds no readable {CARD} ({e}); run `python -m training.datasets`"
        ) from e
    return card


def find_set(root: Path, dataset_hash: str) -> Path | None:
    """Return the folder of the set below `root` with this hash, None where it is no longer on disk."""
    for path in sorted(root.glob(f"*/{CARD}")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if found.get("hash") == dataset_hash:
            return path.parent
    return None


def read_ranker(folder: Path) -> RankerSet:
    """Return the ranker samples of a published set.

    Raises:
        ArtifactError: the folder is no ranker set of logged answers, or its features have another meaning than this
            code's.
    """
    card = read_card(folder)
    if card.get("kind") != "ranker" or card.get("feature_schema_hash") != schema_hash():
        raise ArtifactError(
            f"{folder} is a set of kind {card.get('kind')!r} with features "
            f"{card.get('feature_schema_hash')!r}, wanted 'ranker' and {schema_hash()!r}; make it again with "
            "`python -m training.datasets --only ranker`"
        )
    train, test = (ranker_rows(_table(folder, part, RANKER_SCHEMA)) for part in PARTS)
    return RankerSet(train=train, test=test, card=card)


def ranker_rows(table: pa.Table) -> RankerRows:
    """Return a table of `RANKER_SCHEMA` as arrays."""
    answer = _texts(table, "interaction_id")
    new = np.ones(len(answer), np.bool_)
    new[1:] = answer[1:] != answer[:-1]
    code = {name: i for i, name in enumerate(CATEGORIES)}
    numbers = {
        name: table[name].to_numpy().astype(kind)
        for name, kind in (
            ("label", np.float32),
            ("weight", np.float32),
            ("rank", np.int32),
            ("score", np.float32),
            ("propensity", np.float32),
            ("examined", np.float32),
        )
    }
    return RankerRows(
        user_ids=_texts(table, "user_id"),
        shop_ids=_texts(table, "shop_id"),
        brands=_texts(table, "brand"),
        queries=_texts(table, "query"),
        category=np.array([code[c] for c in table["category"].to_pylist()], np.int32),
        interaction_ids=answer,
        session=(np.cumsum(new) - 1).astype(np.int32),
        time=table["time"].cast(pa.int64()).to_numpy() // 1_000_000,
        **numbers,
        wide=_matrix(table, "wide", len(WIDE)),
        numeric=_matrix(table, "numeric", len(NUMERIC)),
    )


def _table(folder: Path, part: str, schema: pa.Schema) -> pa.Table:
    path = folder / f"{part}.parquet"
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as e:
        raise ArtifactError(f"{path} cannot be read ({e}); make the set again") from e
    if not table.schema.equals(schema):
        raise ArtifactError(f"{path} has columns {table.schema.names}, wanted {schema.names}")
    return table


def _texts(table: pa.Table, name: str) -> npt.NDArray[np.object_]:
    return np.array(table[name].to_pylist(), dtype=object)


def _matrix(table: pa.Table, name: str, width: int) -> npt.NDArray[np.float32]:
    flat = table[name].combine_chunks().flatten().to_numpy()
    return np.ascontiguousarray(flat, np.float32).reshape(-1, width)
