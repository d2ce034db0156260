"""Past moments asked again: layer 1 as it stood then, a positive and at most two negatives. Seeded; no features.

What keeps the initial set honest:

- Layer 1 runs on the behaviour and the counts of the last of `SNAPSHOTS` moments before the sample.
- A positive that the funnels missed gets negatives that they missed too (other shops of the place), so being found by a
  funnel never gives the label away. One that could not be answered with (another town, no card) is left out: as a
  positive among allowed shops it would teach that what is not allowed is liked.
- The query never comes from what was chosen: a session has none, a neutral one, or one for a kind of food that the
  user's profile named before, and all its candidates share it.
- Nothing is retrieved by those queries: they say nothing about what was wanted, so the retriever's score would teach
  noise. It stays 0 here and keeps the starting weight of `features.spec` until logged answers teach it.
"""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.features.spec import HISTORY_LAG_S
from naviyam.funnel.merge import Funnels
from naviyam.request import CATEGORIES, Filters, Place, RequestContext, UserProfile
from naviyam.retrieval.filters import candidate_mask
from naviyam.search import Funnelled, SearchRequest
from naviyam.settings import Settings
from training.data import Samples, Visits, as_of, district_places

NEGATIVES: Final = 2
SNAPSHOTS: Final = 12
POOL: Final = 100
"""Layer-1 candidates per session here; more than are served, so that fewer positives are missed."""

LOCATED: Final = 0.8
"""Share of sessions with a place; the others teach the neutral distance."""

NEUTRAL_QUERIES: Final = (
    "배고파 뭐 먹을까", "맛있는 거 추천해줘", "오늘 뭐 먹지", "근처에 먹을 데 있어?", "급식카드 되는 데 알려줘",
    "밥 먹을 곳 추천해줘", "지금 갈 만한 가게 있어?", "간단하게 먹을 거 뭐 있어?",
)  # fmt: skip
QUERIES: Final = ("", *NEUTRAL_QUERIES, *(f"{c} 먹고 싶어" for c in CATEGORIES))
"""All session queries; index 0 is none (the zero vector)."""


class SessionMaker:
    """Runs layer 1 for past moments and draws negatives. Seeded; one use."""

    def __init__(self, catalog: Catalog, behavior: Behavior, settings: Settings) -> None:
        self._catalog, self._behavior = catalog, behavior
        wide = settings.funnel.model_copy(
            update={
                name: POOL for name in type(settings.funnel).model_fields if name.endswith("_limit")
            }
        )
        self._settings = settings.model_copy(update={"funnel": wide})
        self._places = district_places(catalog)
        self._rng = random.Random(settings.ranker_training.seed)
        first, last = behavior.time[[0, -1]] if len(behavior.time) else (0, 1)
        self._moments = np.linspace(first, last, SNAPSHOTS, endpoint=False).astype(np.int64)
        self._layers: dict[int, Funnels] = {}
        self.counts: Counter[str] = Counter()

    def session(self, visit: Visits, number: int, avoid: set[int]) -> Samples | None:
        """Return the visit (length 1) with its negatives; None (and counted) where it was no candidate or the only one."""
        user, shop, time = int(visit.user[0]), int(visit.shop[0]), int(visit.time[0])
        request = self._request(visit)
        layer = self._layer(request, time)
        others = layer.rows
        if shop in set(layer.rows.tolist()):
            self.counts["found_by_layer_1"] += 1
        elif (allowed := self._allowed(request))[shop]:
            self.counts["missed_by_layer_1"] += 1
            allowed[layer.rows] = False
            others = np.flatnonzero(allowed).astype(np.int32)
        else:
            self.counts["dropped_not_allowed_or_elsewhere"] += 1
            return None
        others = others[~np.isin(others, [*avoid, shop])]
        if not len(others):
            self.counts["dropped_no_other_candidate"] += 1
            return None
        drawn = self._rng.sample(others.tolist(), min(NEGATIVES, len(others)))
        rows = np.array([shop, *drawn], np.int32)
        label = np.zeros(len(rows), np.float32)
        label[0] = 1
        weight = np.ones(len(rows), np.float32)
        weight[0] = visit.weight[0]
        return self._samples(request, user, rows, layer, label=label, weight=weight, session=number)

    def pool(self, visit: Visits, liked: set[int], number: int) -> Samples | None:
        """Return all candidates at the visit (length 1), labelled by it and the user's later ones; None if empty."""
        user, time = int(visit.user[0]), int(visit.time[0])
        request = self._request(visit)
        layer = self._layer(request, time)
        if not len(layer.rows):
            return None
        label = np.isin(layer.rows, list(liked)).astype(np.float32)
        return self._samples(
            request,
            user,
            layer.rows,
            layer,
            label=label,
            weight=np.ones_like(label),
            session=number,
        )

    def _request(self, visit: Visits) -> SearchRequest:
        user, time = int(visit.user[0]), int(visit.time[0])
        profile = self._behavior.profile(self._behavior.user_ids[user]) or UserProfile(user_id="")
        return SearchRequest(
            catalog_version=self._catalog.version,
            query="",
            filters=Filters(),
            context=RequestContext(
                time=datetime.fromtimestamp(time, UTC), district=profile.district
            ),
            profile=profile,
            place=self._place(visit, profile),
            top_k=POOL,
        )

    def _place(self, visit: Visits, profile: UserProfile) -> Place | None:
        latitude, longitude = visit.point[0].tolist()
        if np.isnan(latitude):
            return self._places.get(profile.district or "")
        places = self._settings.places
        reach_m = places.point_radius_m * places.widen[-1]
        return Place(
            name="", latitude=latitude, longitude=longitude, radius_m=reach_m, level="point"
        )

    def _layer(self, request: SearchRequest, time: int) -> Funnelled:
        i = int(np.searchsorted(self._moments, time - HISTORY_LAG_S, side="right")) - 1
        moment = int(self._moments[max(i, 0)])
        if moment not in self._layers:
            older = as_of(self._catalog, self._behavior, moment)
            self._layers[moment] = Funnels(*older, self._settings)
        return self._layers[moment].gather(request)

    def _allowed(self, request: SearchRequest) -> npt.NDArray[np.bool_]:
        """Return the shops [n] that may be answered with at all, a fresh array."""
        mask: npt.NDArray[np.bool_] = candidate_mask(
            request.filters, request.context, request.place, self._catalog, self._settings
        ).copy()
        return mask

    def _samples(
        self,
        request: SearchRequest,
        user: int,
        rows: npt.NDArray[np.int32],
        layer: Funnelled,
        *,
        label: npt.NDArray[np.float32],
        weight: npt.NDArray[np.float32],
        session: int,
    ) -> Samples:
        n = len(rows)
        at = {row: i for i, row in enumerate(layer.rows.tolist())}
        scores = np.zeros((n, layer.scores.shape[1]), np.float32)
        for i, row in enumerate(rows.tolist()):
            if row in at:
                scores[i] = layer.scores[at[row]]
        place = request.place if self._rng.random() < LOCATED else None
        latitude, longitude = (place.latitude, place.longitude) if place else (np.nan, np.nan)
        return Samples(
            user=np.full(n, user, np.int32),
            shop=rows,
            time=np.full(n, int(request.context.time.timestamp()), np.int64),
            label=label,
            weight=weight,
            session=np.full(n, session, np.int32),
            query=np.full(n, self._query(request.profile), np.int32),
            latitude=np.full(n, latitude),
            longitude=np.full(n, longitude),
            open_now=self._catalog.open_now(request.context.time)[rows].astype(np.int32),
            funnel_scores=scores,
        )

    def _query(self, profile: UserProfile) -> int:
        kind = self._rng.random()
        if kind < 0.4:
            return 0
        named = [c for c in profile.favorite_categories if c in CATEGORIES]
        if kind < 0.8 or not named:
            return 1 + self._rng.randrange(len(NEUTRAL_QUERIES))
        return 1 + len(NEUTRAL_QUERIES) + CATEGORIES.index(self._rng.choice(named))
