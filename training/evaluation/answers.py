"""Answers of the event log whose order could have been drawn, as the off-policy estimators want them. Reads, decides nothing.

An answer counts where its record holds the policy and the features of the whole pool (`naviyam.feedback.events`). A shop
was chosen where it is a positive of the ranker's set: by the answer's own user, in time (`Window.joined`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.feedback.query import reading
from naviyam.feedback.reader import read_events
from naviyam.feedback.schema import INTERACTIONS
from naviyam.feedback.store import EventStore
from naviyam.request import CATEGORIES
from naviyam.settings import Learning
from training.datasets.absent import Absent
from training.datasets.window import Window, read_chosen
from training.evaluation.scoring import Logged

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: the pool in the ranker's own order, and what was shown of it, rank by rank, as indices into the pool.

    `propensity` is that of each rank given the ranks before, `chosen` 1.0 where the shop there was chosen.
    """

    user_id: str
    query: str
    pool: tuple[str, ...]
    wide: tuple[tuple[float, ...], ...]
    numeric: tuple[tuple[float, ...], ...]
    order: tuple[int, ...]
    propensity: tuple[float, ...]
    chosen: tuple[float, ...]
    explored: bool


def read_answers(
    store: EventStore,
    options: Learning,
    absent: Absent,
    *,
    start: datetime,
    stop: datetime,
    simulated: bool,
) -> list[Answer]:
    """Return the answers of `start` to `stop`, both included, oldest first; those of the absent are left out.

    `simulated` says which kind: the two never stand in one figure.
    """
    records = [
        r
        for r in read_events(store, INTERACTIONS, since=start)
        if r.get("exploration")
        and datetime.fromisoformat(r["recorded_at"]) <= stop
        and r["user_id"] not in absent.silent
        and bool(r.get("simulated")) == simulated
    ]
    records.sort(key=lambda r: (r["recorded_at"], r["interaction_id"]))
    told_by = stop + timedelta(hours=options.attribution_hours)
    window = Window(now=told_by, options=options, absent=absent)
    chosen = reading(store, lambda views: read_chosen(views, window))
    made = (
        answer_of(
            {**r, "user_id": absent.scored_as(r["user_id"])},
            chosen.get(r["interaction_id"], frozenset()),
        )
        for r in records
    )
    return [a for a in made if a is not None]


def answer_of(record: Mapping[str, Any], chosen: frozenset[str]) -> Answer | None:
    """Return a record as an answer, None where features of its pool are missing."""
    pool = record["exploration"]["pool"]
    shown = [s for s in record["shown"] if s["shop_id"] in {p["shop_id"] for p in pool}]
    features = {x["shop_id"]: x for x in (*pool, *shown) if "wide" in x and "numeric" in x}
    ids = tuple(p["shop_id"] for p in pool)
    if not shown or any(i not in features for i in ids):
        return None
    shown.sort(key=lambda s: s["rank"])
    understood = record.get("understanding") or {}
    return Answer(
        user_id=record["user_id"],
        query=understood.get("semantic_query") or record.get("input") or "",
        pool=ids,
        wide=tuple(tuple(features[i]["wide"]) for i in ids),
        numeric=tuple(tuple(features[i]["numeric"]) for i in ids),
        order=tuple(ids.index(s["shop_id"]) for s in shown),
        propensity=tuple(float(s["propensity"]) for s in shown),
        chosen=tuple(float(s["shop_id"] in chosen) for s in shown),
        explored=bool(record["exploration"]["explored"]),
    )


def candidates_of(answers: list[Answer], catalog: Catalog) -> Logged:
    """Return the pools of all answers one after the other; a shop that the catalogue has lost has no brand."""
    rows = [catalog.row_of.get(shop_id, -1) for a in answers for shop_id in a.pool]
    other = CATEGORIES.index("기타")
    brands = [int(catalog.brand[r]) if r >= 0 else -1 for r in rows]
    return Logged(
        user_ids=[a.user_id for a in answers for _ in a.pool],
        shop_ids=[shop_id for a in answers for shop_id in a.pool],
        brands=[catalog.brands[b] if b >= 0 else "" for b in brands],
        category=np.array([catalog.category[r] if r >= 0 else other for r in rows], np.int32),
        queries=[a.query for a in answers for _ in a.pool],
        wide=np.array([w for a in answers for w in a.wide], np.float32),
        numeric=np.array([x for a in answers for x in a.numeric], np.float32),
    )
