"""The records of spec 3: one interaction per answer or failed request, one feedback per click, order, favourite or rating.

Builds plain JSON values; texts are masked and ids are pseudonyms before they come in. No I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.ids import new_id
from naviyam.recommendation import Recommendation
from naviyam.request import Understanding
from naviyam.search import FUNNELS

FEEDBACK_TYPES = ("clicked", "ordered", "favorited", "rated")
DETERMINISTIC_PROPENSITY = 1.0
"""Where the served order is not drawn at random, what was shown was shown with certainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLog:
    """The candidates of one answer as the ranker saw them; row i of every part is one shop."""

    shop_ids: tuple[str, ...]
    rag_scores: npt.NDArray[np.float32]
    funnel_scores: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]
    numeric: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawLog:
    """How the order of the shown shops came about, where it could have been drawn (`naviyam.ranker.explore`).

    `propensity` is that of each shown shop at its rank given the shops before it, the chance `share` that the order is
    drawn at all included. `pool` names the shops that were drawn from, in the ranker's own order.
    """

    share: float
    temperature: float
    explored: bool
    propensity: tuple[float, ...]
    pool: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionEvent:
    """One answered message. `text` and `response` come masked."""

    interaction_id: str
    time: datetime
    user_id: str
    session_id: str
    route: str
    text: str
    understanding: Understanding
    shown: tuple[Recommendation, ...]
    response: str
    response_time_s: float
    versions: Mapping[str, str]
    variants: Mapping[str, str]
    written_by: str
    degraded: bool
    candidates: CandidateLog | None = None
    draw: DrawLog | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False
    said: Mapping[str, Any] | None = None
    """What the message alone was taken to mean, before memory completed it."""

    writing: Mapping[str, Any] | None = None
    """What the writer was told beyond understanding and shops, and the sentences over slots that it wrote."""

    experiments: Mapping[str, str] = field(default_factory=dict)
    """By layer, where one runs and the user is in it."""

    arm_errors: tuple[str, ...] = ()
    """The layers whose arm could not answer, so that the stable one did."""

    unsafe: tuple[str, ...] = ()
    """What the output screen stopped, by name."""

    def to_record(self) -> dict[str, Any]:
        """Return the JSON record of the log; features are kept for the shown shops and those they were drawn from."""
        record = {
            "interaction_id": self.interaction_id,
            "recorded_at": self.time.isoformat(),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "route": self.route,
            "variants": dict(self.variants),
            "input": self.text,
            "context": dict(self.context),
            "understanding": self.understanding.to_dict(),
            "candidates": _candidates(self.candidates),
            "shown": [_shown(r, self.candidates, self.draw) for r in self.shown],
            "response": self.response,
            "response_time_s": round(self.response_time_s, 4),
            "written_by": self.written_by,
            "degraded": self.degraded,
            "versions": dict(self.versions),
            **_marked(self.simulated),
            **({} if self.said is None else {"said": dict(self.said)}),
            **({} if self.writing is None else {"writing": dict(self.writing)}),
            **({"experiments": dict(self.experiments)} if self.experiments else {}),
            **({"arm_errors": list(self.arm_errors)} if self.arm_errors else {}),
            **({"unsafe": list(self.unsafe)} if self.unsafe else {}),
        }
        if self.draw is not None:
            shown = {r.shop_id for r in self.shown}
            record["exploration"] = _exploration(self.draw, shown, self.candidates)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureEvent:
    """A request that was fit to be answered and was not. It holds no text and shows nothing; `error` is a stable code."""

    interaction_id: str
    time: datetime
    user_id: str
    session_id: str
    route: str
    error: str
    response_time_s: float
    versions: Mapping[str, str]
    variants: Mapping[str, str]
    experiments: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False

    def to_record(self) -> dict[str, Any]:
        """Return the JSON record of the log."""
        return {
            "interaction_id": self.interaction_id,
            "recorded_at": self.time.isoformat(),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "route": self.route,
            "error": self.error,
            "shown": [],
            "response_time_s": round(self.response_time_s, 4),
            "written_by": "none",
            "degraded": True,
            "versions": dict(self.versions),
            "variants": dict(self.variants),
            **({"experiments": dict(self.experiments)} if self.experiments else {}),
            **_marked(self.simulated),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """What a user did with a shop. `user_id` is a pseudonym, `review_text` comes masked."""

    user_id: str
    shop_id: str
    feedback_type: str
    recorded_at: datetime
    happened_at: datetime
    interaction_id: str | None = None
    satisfaction_score: float | None = None
    review_text: str | None = None
    order_amount_won: int | None = None
    actual_visit: bool | None = None
    idempotency_key: str | None = None
    simulated: bool = False

    @property
    def feedback_id(self) -> str:
        """The same id for the same user and key; a random one where there is no key."""
        if self.idempotency_key is None:
            return new_id("f", self.recorded_at)
        digest = blake2b(f"{self.user_id}\0{self.idempotency_key}".encode(), digest_size=16)
        return "f_" + digest.hexdigest()

    def to_record(self) -> dict[str, Any]:
        """Return the JSON record; its `idempotency_key` is scoped to the user."""
        feedback_id = self.feedback_id
        return {
            "feedback_id": feedback_id,
            "idempotency_key": None if self.idempotency_key is None else feedback_id,
            "recorded_at": self.recorded_at.isoformat(),
            "happened_at": self.happened_at.isoformat(),
            "user_id": self.user_id,
            "shop_id": self.shop_id,
            "feedback_type": self.feedback_type,
            "interaction_id": self.interaction_id,
            "satisfaction_score": self.satisfaction_score,
            "review_text": self.review_text,
            "order_amount_won": self.order_amount_won,
            "actual_visit": self.actual_visit,
            **_marked(self.simulated),
        }


def _marked(simulated: bool) -> dict[str, bool]:
    return {"simulated": True} if simulated else {}


def _candidates(log: CandidateLog | None) -> list[dict[str, Any]]:
    if log is None:
        return []
    return [
        {
            "shop_id": shop_id,
            "rag_score": round(float(rag), 5),
            "score": round(float(score), 6),
            "funnels": {
                name: round(float(value), 5)
                for name, value in zip(FUNNELS, row, strict=True)
                if value > 0
            },
        }
        for shop_id, rag, score, row in zip(
            log.shop_ids, log.rag_scores, log.scores, log.funnel_scores, strict=True
        )
    ]


def _shown(shown: Recommendation, log: CandidateLog | None, draw: DrawLog | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "shop_id": shown.shop_id,
        "rank": shown.rank,
        "score": round(shown.score, 6),
        "propensity": DETERMINISTIC_PROPENSITY
        if draw is None
        else float(f"{draw.propensity[shown.rank - 1]:.9g}"),
        "menus": [{"name": m.name, "price_won": m.price_won} for m in shown.menus],
    }
    return record | _features(shown.shop_id, log)


def _exploration(draw: DrawLog, shown: set[str], log: CandidateLog | None) -> dict[str, Any]:
    """Return the policy and its pool; a shop of the pool that is shown has its features there."""
    return {
        "share": draw.share,
        "temperature": draw.temperature,
        "explored": draw.explored,
        "pool": [
            {"shop_id": shop_id} | ({} if shop_id in shown else _features(shop_id, log))
            for shop_id in draw.pool
        ],
    }


def _features(shop_id: str, log: CandidateLog | None) -> dict[str, Any]:
    if log is None or shop_id not in log.shop_ids:
        return {}
    i = log.shop_ids.index(shop_id)
    return {"wide": _numbers(log.wide[i]), "numeric": _numbers(log.numeric[i])}


def _numbers(row: npt.NDArray[np.float32]) -> Sequence[float]:
    numbers: list[float] = np.round(np.nan_to_num(row).astype(np.float64), 6).tolist()
    return numbers
