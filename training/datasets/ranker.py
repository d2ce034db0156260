"""The ranker set: shown shops with their features as served, what was chosen of them, and how much that counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from naviyam.catalog.store import Catalog
from naviyam.features.spec import NUMERIC, WIDE, schema_hash
from naviyam.feedback.query import Views
from naviyam.learning.examination import Examination, estimate_examination
from naviyam.learning.impressions import Chosen, Impressions, choose
from naviyam.learning.personal import looks_personal
from naviyam.request import CATEGORIES
from naviyam.settings import Learning
from training.datasets.read import RANKER_SCHEMA
from training.datasets.window import Window, read_features, read_shown

_RANKS_TOLD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankerSamples:
    """Both parts in `RANKER_SCHEMA` and what the card says of them."""

    parts: Mapping[str, pa.Table]
    card: Mapping[str, Any]


def make_ranker(
    views: Views,
    window: Window,
    catalog: Catalog,
    *,
    seed: int,
    foreign_models: frozenset[str] = frozenset(),
    not_before: int = 0,
) -> RankerSamples:
    """Return the samples of a window. `foreign_models` are rankers whose features had another meaning.

    `not_before` is the earliest cut in epoch microseconds: that of what the model to beat has learned from.
    """
    size = {"wide": len(WIDE), "numeric": len(NUMERIC)}
    shown = read_shown(views, window, **size)
    dropped, seen = shown.dropped, shown.impressions
    looks = estimate_examination(seen.rank, seen.chosen > 0, seen.score, window.options)
    known = np.array([s in catalog.row_of for s in seen.shop.tolist()], np.bool_)
    dropped["shown_shop_not_in_the_catalogue"] = int((~known).sum())
    seen = seen.take(known)
    chosen = choose(seen, looks, window.options, seed=seed, not_before=not_before)
    table = read_features(views, seen, chosen, **size)
    ours = pc.invert(
        pc.is_in(table["model"], value_set=pa.array(sorted(foreign_models), pa.string()))
    )
    dropped["sample_of_other_features"] = table.num_rows - (pc.sum(ours).as_py() or 0)
    table = _as_scored(_whole(table.filter(ours), catalog, dropped), window)
    test = table["test"].to_numpy().astype(np.bool_)
    parts = {
        name: table.filter(pa.array(mask)).select(RANKER_SCHEMA.names).cast(RANKER_SCHEMA)
        for name, mask in (("train", ~test), ("test", test))
    }
    return RankerSamples(
        parts=parts, card=_card(table, seen, chosen, looks, dropped, window.options)
    )


def _whole(table: pa.Table, catalog: Catalog, dropped: Counter[str]) -> pa.Table:
    """Add what the catalogue says of the shops; take a query away that still tells of a child."""
    rows = [catalog.row_of[s] for s in table["shop_id"].to_pylist()]
    brands = (*catalog.brands, "")
    queries = table["query"].to_pylist()
    plain = ["" if looks_personal(q) else q for q in queries]
    blanked = sum(a != b for a, b in zip(queries, plain, strict=True))
    if blanked:
        dropped["query_personal_and_left_empty"] = blanked
    return (
        table.drop_columns(["query"])
        .append_column("query", pa.array(plain, pa.string()))
        .append_column(
            "category", pa.array([CATEGORIES[catalog.category[r]] for r in rows], pa.string())
        )
        .append_column("brand", pa.array([brands[catalog.brand[r]] for r in rows], pa.string()))
    )


def _as_scored(table: pa.Table, window: Window) -> pa.Table:
    """Name users as the ranker knew them: who was forgotten and returned was a stranger to it."""
    at = table.column_names.index("user_id")
    users = [window.absent.scored_as(u) for u in table["user_id"].to_pylist()]
    return table.set_column(at, "user_id", pa.array(users, pa.string()))


def _card(
    table: pa.Table,
    seen: Impressions,
    chosen: Chosen,
    looks: Examination,
    dropped: Counter[str],
    options: Learning,
) -> dict[str, Any]:
    label = table["label"].to_numpy()
    hard = (label == 0) & (table["score"].to_numpy() > options.hard_negative_score)
    ranks = np.arange(1, _RANKS_TOLD + 1)
    return {
        "kind": "ranker",
        "feature_schema_hash": schema_hash(),
        "positives": int(label.sum()),
        "negatives": int((label == 0).sum()),
        "hard_negatives": int(hard.sum()),
        "answers": len(set(table["interaction_id"].to_pylist())),
        "shown": len(seen.answer),
        "models": _counted(table["model"].to_pylist()),
        "routes": _counted(table["route"].to_pylist()),
        "cut_us": chosen.cut,
        "position": {
            "method": looks.method,
            "exponent": round(looks.exponent, 4),
            "clicks": looks.clicks,
            "chance_of_a_look_by_rank": [round(float(c), 4) for c in looks.chance(ranks)],
            "limit": options.max_position_weight,
            "clipped_share_of_positives": round(chosen.clipped_share, 4),
            "in": "weight of positives",
        },
        "dropped": dict(sorted((+(dropped + chosen.dropped)).items())),
    }


def _counted(values: list[Any]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def new_answers(samples: RankerSamples, used: frozenset[str]) -> int:
    """Return how many answers of the samples no earlier set has used."""
    ids: npt.NDArray[Any] = np.unique(
        [i for part in samples.parts.values() for i in part["interaction_id"].to_pylist()]
    )
    return sum(i not in used for i in ids.tolist())
