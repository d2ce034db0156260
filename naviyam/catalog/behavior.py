"""What users did, as arrays beside the catalogue: views, clicks, orders, favourites, reviews.

Users are pseudonyms. Rows of shops are rows of the catalogue of the same version. No learning here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.catalog.events import CLICK, FAVORITE, KINDS, ORDER, REVIEW, VIEW
from naviyam.catalog.store import Catalog
from naviyam.catalog.tables import CARD, EVENTS, USERS
from naviyam.errors import ArtifactError
from naviyam.request import UserProfile

__all__ = ["CLICK", "FAVORITE", "KINDS", "ORDER", "REVIEW", "VIEW", "Behavior"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Behavior:
    """Users [u] and their events [m], sorted by time. `age` 0 and `budgets` 0 are unknown."""

    user_ids: tuple[str, ...]
    row_of_user: Mapping[str, int]
    ages: npt.NDArray[np.int16]
    user_district: tuple[str, ...]
    budgets: npt.NDArray[np.int32]
    favorite_categories: tuple[tuple[str, ...], ...]
    dietary: tuple[tuple[str, ...], ...]
    consent: npt.NDArray[np.bool_]
    user: npt.NDArray[np.int32]
    shop: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]
    simulated: bool

    @classmethod
    def load(cls, folder: Path, catalog: Catalog) -> Self:
        """Read one version's users and events.

        Raises:
            ArtifactError: a table is missing or names shops that `catalog` does not hold.
        """
        try:
            users = pq.read_table(folder / USERS).to_pydict()
            events = pq.read_table(folder / EVENTS)
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            columns = {
                name: events[name].to_numpy() for name in ("user", "shop", "kind", "value", "time")
            }
        except (OSError, KeyError, ValueError, pa.ArrowException) as e:
            raise ArtifactError(f"{folder} holds no readable behaviour tables: {e}") from e
        for name, limit in (("shop", catalog.size), ("user", len(users["user_id"]))):
            if len(events) and int(columns[name].max()) >= limit:
                raise ArtifactError(
                    f"events of {folder.name} name {name} row {int(columns[name].max())} of {limit} "
                    f"(catalogue {catalog.version}); load both from one folder"
                )
        return cls(
            user_ids=tuple(users["user_id"]),
            row_of_user={key: row for row, key in enumerate(users["user_id"])},
            ages=np.array([a or 0 for a in users["age"]], np.int16),
            user_district=tuple(d or "" for d in users["district"]),
            budgets=np.array([b or 0 for b in users["budget_won"]], np.int32),
            favorite_categories=tuple(tuple(c or ()) for c in users["favorite_categories"]),
            dietary=tuple(tuple(d or ()) for d in users["dietary"]),
            consent=np.array(users["consent"], np.bool_),
            user=columns["user"].astype(np.int32),
            shop=columns["shop"].astype(np.int32),
            kind=columns["kind"].astype(np.int8),
            value=columns["value"].astype(np.float32),
            time=columns["time"].astype(np.int64),
            simulated=bool(card.get("simulated", False)),
        )

    def profile(self, user_id: str) -> UserProfile | None:
        """Return a user's profile by pseudonym; without consent all but the id is empty."""
        row = self.row_of_user.get(user_id)
        if row is None:
            return None
        if not self.consent[row]:
            return UserProfile(user_id=user_id, consent=False)
        return UserProfile(
            user_id=user_id,
            age=int(self.ages[row]) or None,
            district=self.user_district[row] or None,
            budget_won=int(self.budgets[row]) or None,
            favorite_categories=self.favorite_categories[row],
            dietary=self.dietary[row],
        )
