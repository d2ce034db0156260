"""Ids to embedding rows. Lists are sorted and persisted; row 0 is the unknown id; growing never moves a row.

Only forgetting a user does: `without`, and the weights with it.
"""

import json
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.request import CATEGORIES

UNKNOWN_ROW = 0
KINDS = ("users", "shops", "categories", "brands")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The ids that have an embedding of their own, in row order; `ids[i]` has row i + 1."""

    users: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    categories: tuple[str, ...] = CATEGORIES
    brands: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, users: Iterable[str], shops: Iterable[str], brands: Iterable[str]) -> Self:
        """Build a first vocabulary: each list sorted, empty names left out."""
        return cls(users=_sorted(users), shops=_sorted(shops), brands=_sorted(brands))

    def grown(self, *, users: Iterable[str], shops: Iterable[str], brands: Iterable[str]) -> Self:
        """Return a vocabulary with the new ids appended, sorted among themselves; old rows stay."""
        return type(self)(
            users=self.users + _sorted(set(users) - set(self.users)),
            shops=self.shops + _sorted(set(shops) - set(self.shops)),
            categories=self.categories,
            brands=self.brands + _sorted(set(brands) - set(self.brands)),
        )

    def without(self, users: Set[str]) -> Self:
        """Return a vocabulary that knows nothing of these users; the rows of those after them move up."""
        return replace(self, users=tuple(u for u in self.users if u not in users))

    def new(self, kind: str, before: Self) -> frozenset[str]:
        """Return the ids that `before` had no row of."""
        return frozenset(self._list(kind)) - frozenset(before._list(kind))

    def rows(self, kind: str, ids: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return the embedding row of every id, int32 [n], `UNKNOWN_ROW` where it has none."""
        row_of = {name: i + 1 for i, name in enumerate(self._list(kind))}
        return np.fromiter((row_of.get(i, UNKNOWN_ROW) for i in ids), np.int32, len(ids))

    def size(self, kind: str) -> int:
        """Return the number of embedding rows, the unknown one included."""
        return len(self._list(kind)) + 1

    def _list(self, kind: str) -> tuple[str, ...]:
        if kind not in KINDS:
            raise ArtifactError(f"no vocabulary of {kind!r}; there are {KINDS}")
        ids: tuple[str, ...] = getattr(self, kind)
        return ids

    def save(self, path: Path) -> None:
        """Write as JSON."""
        content = {kind: self._list(kind) for kind in KINDS}
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing, not JSON, or a list is missing or holds a name twice.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            lists = {kind: tuple(content[kind]) for kind in KINDS}
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise ArtifactError(f"{path} is no vocabulary ({e!r}); train the ranker again") from e
        for kind, ids in lists.items():
            if len(set(ids)) != len(ids) or not all(isinstance(i, str) for i in ids):
                raise ArtifactError(f"{path}: {kind} holds a name twice or one that is not text")
        return cls(**lists)


def _sorted(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({i for i in ids if i}))
