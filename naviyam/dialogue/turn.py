"""What goes into one turn and the typed events that come out of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from naviyam.arms import Arms
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, RequestContext, Understanding, UserProfile

STAGES = (
    "receive", "orchestrate", "preprocess", "understand", "candidates", "rank", "write", "respond",
)  # fmt: skip
"""The eight stages of spec 2 as they are named in `metadata["stages"]` (milliseconds each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message. `user_id` is a pseudonym; `received_s` is the clock's monotonic time of its arrival.

    `arms` are the user's; who agreed to nothing being kept is answered as if there were none.
    """

    interaction_id: str
    user_id: str
    session_id: str
    message: str
    context: RequestContext
    received_s: float
    arms: Arms = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A call for recommendations without a conversation: a query or an understanding."""

    interaction_id: str
    user_id: str
    context: RequestContext
    received_s: float
    query: str = ""
    filters: Filters | None = None
    profile: UserProfile | None = None
    top_k: int = 10
    exclude_shop_ids: tuple[str, ...] = ()
    arms: Arms = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Understood:
    """Stage 4 is done."""

    understanding: Understanding


@dataclass(frozen=True, slots=True)
class Recommended:
    """The shops of the answer; leaves before the first word is written."""

    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """A checked piece of the text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The whole answer (spec 7's `/chat`)."""

    interaction_id: str
    session_id: str
    response: str
    recommendations: tuple[Recommendation, ...]
    confidence: float
    response_time_s: float
    metadata: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return spec 7's JSON."""
        return {
            "interaction_id": self.interaction_id,
            "session_id": self.session_id,
            "response": self.response,
            "recommendations": [r.to_dict() for r in self.recommendations],
            "confidence": round(self.confidence, 4),
            "response_time_s": round(self.response_time_s, 4),
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The turn cannot be answered; `code` is stable, `message` is for a child."""

    code: str
    message: str
    retry_after_s: float | None = None


Event = Understood | Recommended | Delta | Done | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """The answer to an `Ask` (spec 7's `/recommendations`)."""

    interaction_id: str
    query: str
    recommendations: tuple[Recommendation, ...]
    explanations: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
