"""Training/serving skew: features of logged answers computed again by the function that serves, set beside what was served.

Pure over one catalogue, its behaviour and one model's tables. What the log does not hold cannot be equal and is named: a
child's coordinates are never logged, so distance is compared only where a place was named; a profile may have changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.features.batch import Gatherer
from naviyam.features.build import build_features
from naviyam.features.history import History
from naviyam.features.spec import NUMERIC, WIDE
from naviyam.features.tables import FeatureTables
from naviyam.request import Filters, Place, RequestContext, UserProfile
from naviyam.search import FUNNELS

F32 = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-4
"""The log rounds features to 6 and scores to 5 digits."""

NAMES: Final = tuple(f.name for f in WIDE) + tuple(name for name, _ in NUMERIC)
WITHOUT_PLACE: Final = ("distance", "asked_near_x_distance")
NOT_EQUAL_BY_NATURE: Final[Mapping[str, str]] = {
    "distance, asked_near_x_distance": "coordinates are not logged: compared only where a place was named",
    "age_group_x_category, budget_fit, asked_budget_x_fit, dietary_match, favorite_category_x_main, "
    "favorite_category_x_tags, same_district, user_district_x_shop_district, age": "of the profile as it is now, which may have changed",
    "review_volume, order_volume, favorite_volume, rating_above_3_5, rating_known, user_x_shop_affinity, "
    "user_x_category_affinity, user_x_brand_affinity, new_user, user_favorites, user_orders, user_reviews, rating, "
    "shop_reviews, shop_orders": "of history: compared only against the catalogue version that served",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One logged answer: what was asked, and its shops with the features as served [n, 60]."""

    filters: Filters
    context: RequestContext
    profile: UserProfile
    place: Place | None
    rows: npt.NDArray[np.int32]
    funnel_scores: F32
    rag_scores: F32
    features: F32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Again:
    """Computes features again over one set of versions."""

    catalog: Catalog
    behavior: Behavior
    gatherer: Gatherer
    tables: FeatureTables

    @classmethod
    def over(cls, catalog: Catalog, behavior: Behavior, tables: FeatureTables) -> "Again":
        """Prepare the look-ups of a catalogue, its behaviour and a model's tables."""
        gatherer = Gatherer(catalog, History(behavior, catalog), tables)
        return cls(catalog=catalog, behavior=behavior, gatherer=gatherer, tables=tables)

    def features(self, served: Served) -> F32:
        """Return wide and numeric features [n, 60] as serving would build them now."""
        minute = served.context.time.replace(second=0, microsecond=0)
        asks = self.gatherer.ask(
            filters=served.filters,
            context=served.context,
            profile=served.profile,
            place=served.place,
            user_row=self.behavior.row_of_user.get(served.profile.user_id, -1),
        )
        batch = self.gatherer.batch(
            asks,
            served.rows,
            funnel_scores=served.funnel_scores,
            rag_scores=served.rag_scores,
            open_now=self.catalog.open_now(minute)[served.rows].astype(np.int32),
            query=np.zeros((1, 1), np.float32),
        )
        built = build_features(batch, self.tables)
        return np.concatenate([built.wide, built.numeric], axis=1)


def served_of(
    record: Mapping[str, Any],
    catalog: Catalog,
    *,
    profile: UserProfile,
    resolve: Callable[[str], Place | None],
) -> Served:
    """Return a logged answer whose shops have features.

    Raises:
        KeyError, TypeError, ValueError: the record is not of this log's form, or names a shop the catalogue has not.
    """
    shown = [s for s in record["shown"] if s.get("wide") and s.get("numeric")]
    found = {c["shop_id"]: c for c in record["candidates"]}
    context = record["context"]
    place = context.get("place")
    return Served(
        filters=Filters.from_dict(record["understanding"].get("filters") or {}),
        context=RequestContext(
            time=datetime.fromisoformat(context["time"]),
            district=context.get("district"),
            municipality=context.get("municipality"),
        ),
        profile=profile,
        place=resolve(place) if place else None,
        rows=np.array([catalog.row_of[s["shop_id"]] for s in shown], np.int32),
        funnel_scores=np.array(
            [[found[s["shop_id"]]["funnels"].get(f, 0.0) for f in FUNNELS] for s in shown],
            np.float32,
        ).reshape(len(shown), len(FUNNELS)),
        rag_scores=np.array([found[s["shop_id"]]["rag_score"] for s in shown], np.float32),
        features=np.array([[*s["wide"], *s["numeric"]] for s in shown], np.float32).reshape(
            len(shown), len(NAMES)
        ),
    )


def compare(pairs: Sequence[tuple[Served, F32]]) -> dict[str, Any]:
    """Return per feature the greatest absolute difference and the share of equal rows; equal ones are only counted."""
    if not pairs:
        return {"rows": 0}
    gap = np.abs(np.concatenate([again - served.features for served, again in pairs]))
    placed = np.concatenate([np.full(len(s.rows), s.place is not None) for s, _ in pairs])
    features: dict[str, Any] = {}
    equal = 0
    for i, name in enumerate(NAMES):
        column = gap[placed, i] if name in WITHOUT_PLACE else gap[:, i]
        if not len(column):
            features[name] = {"compared_rows": 0}
        elif column.max() <= TOLERANCE:
            equal += 1
        else:
            features[name] = {
                "max_abs_difference": round(float(column.max()), 5),
                "equal_share": round(float((column <= TOLERANCE).mean()), 4),
                "compared_rows": len(column),
            }
    return {
        "rows": len(gap),
        "tolerance": TOLERANCE,
        "equal_features": equal,
        "different": features,
        "equal_cells_share": round(float((gap <= TOLERANCE).mean()), 5),
    }
