"""What memory keeps of a conversation."""

from dataclasses import dataclass, field

from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Understanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What memory keeps of a conversation, newest last."""

    last_understanding: Understanding | None = None
    last_shown: tuple[Recommendation, ...] = ()
    filters: Filters = field(default_factory=Filters)
    """The accumulated wish that REFINE builds on."""

    shown_before: tuple[str, ...] = ()
    """Shop ids shown since the wish began, so that "거기 말고" and "다른 데" bring new ones."""

    openings: tuple[str, ...] = ()
    """First sentences of recent answers, so that the same opening does not come twice."""

    signs_by_message: tuple[tuple[str, ...], ...] = ()
    """Names of signs of need in each of the child's last messages (`safety.need.heard`), newest wish or not; never words."""

    place: str | None = None
    """The place last named, for follow-ups that do not repeat it."""

    @property
    def need_signs(self) -> frozenset[str]:
        """The signs of need in all the messages that are remembered."""
        return frozenset(name for names in self.signs_by_message for name in names)
