"""Ranker samples as the loop learns from them: features and targets by row, queries once. Parquet in and out. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.features.build import Features

F32 = npt.NDArray[np.float32]
ID_COLUMNS = ("user", "shop", "brand", "category")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """n samples. `ids` int64 [n, 4] are the embedding rows of `ID_COLUMNS`; `query` numbers a table of embeddings."""

    wide: F32
    numeric: F32
    ids: npt.NDArray[np.int64]
    query: npt.NDArray[np.int64]
    label: F32
    weight: F32

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: npt.NDArray[Any]) -> Self:
        """Return the rows at `index` (numbers or a mask)."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """Return all rows, in order."""
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    @classmethod
    def of(cls, columns: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the rows of a block of columns, as Ray Data and `read` give them."""
        return cls(
            wide=np.stack(list(columns["wide"])).astype(np.float32, copy=False),
            numeric=np.stack(list(columns["numeric"])).astype(np.float32, copy=False),
            ids=np.stack([columns[f"{name}_row"] for name in ID_COLUMNS], axis=1).astype(np.int64),
            query=columns["query_row"].astype(np.int64),
            label=columns["label"].astype(np.float32),
            weight=columns["weight"].astype(np.float32),
        )

    def digest(self) -> str:
        """Return a digest of everything the rows hold."""
        digest = blake2b(digest_size=16)
        for field in fields(self):
            digest.update(np.ascontiguousarray(getattr(self, field.name)).tobytes())
        return digest.hexdigest()

    def to_table(self) -> pa.Table:
        """Return the rows as columns."""
        columns: dict[str, Any] = {
            f"{name}_row": pa.array(self.ids[:, i]) for i, name in enumerate(ID_COLUMNS)
        }
        columns |= {
            "query_row": pa.array(self.query),
            "label": pa.array(self.label),
            "weight": pa.array(self.weight),
            "wide": _lists(self.wide),
            "numeric": _lists(self.numeric),
        }
        return pa.table(columns)


def write_rows(path: Path, rows: Rows) -> None:
    """Write rows as Parquet, beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(rows.to_table(), temporary)
    temporary.replace(path)


def features_of(rows: Rows, queries: F32) -> Features:
    """Return rows as the features that the network and the scorer take; `queries` [q, d]."""
    user, shop, brand, category = (rows.ids[:, i].astype(np.int32) for i in range(4))
    return Features(
        wide=rows.wide,
        numeric=rows.numeric,
        user=user,
        shop=shop,
        brand=brand,
        category=category,
        query=queries[rows.query],
    )


def rows_of(features: Features, label: F32, weight: F32) -> tuple[Rows, F32]:
    """Return features as rows, and their queries [q, d], each once."""
    n = len(features.wide)
    if len(features.query) == 1:
        queries, index = features.query, np.zeros(n, np.int64)
    else:
        queries, index = np.unique(features.query, axis=0, return_inverse=True)
    ids = np.stack([getattr(features, name) for name in ID_COLUMNS], axis=1).astype(np.int64)
    rows = Rows(
        wide=features.wide,
        numeric=features.numeric,
        ids=ids,
        query=index.astype(np.int64).reshape(-1),
        label=label,
        weight=weight,
    )
    return rows, queries


def _lists(matrix: F32) -> pa.FixedSizeListArray:
    flat = np.ascontiguousarray(matrix, np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), matrix.shape[1])
