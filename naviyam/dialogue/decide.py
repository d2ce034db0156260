"""What the answer to an understood message will be: fixed words, one shop's facts, or a search. Values only."""

from dataclasses import dataclass, field

from naviyam.arms import SERVING, Layer
from naviyam.conversation import Turns
from naviyam.dialogue.finder import Found
from naviyam.feedback.events import DrawLog
from naviyam.nlg.brief import WriteRequest
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Intent, Place, Understanding

SHOP_INTENTS = frozenset((Intent.SHOP_INQUIRY, Intent.MENU_INQUIRY, Intent.MEAL_CARD_INQUIRY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Either `text` is said as it is, or `write` is written. `filters` is the wish as it stands after this message."""

    understanding: Understanding
    filters: Filters
    method: str
    text: str | None = None
    write: WriteRequest | None = None
    shown: tuple[Recommendation, ...] = ()
    found: Found | None = None
    draw: DrawLog | None = None
    """How the order of `shown` was drawn, None where it could not be."""

    place: Place | None = None
    named_place: str | None = None
    """The place, if the child named it: only that is remembered."""

    searched: bool = False
    help_kind: str | None = None

    @property
    def relaxed(self) -> tuple[str, ...]:
        """The wishes that were loosened."""
        return self.found.relaxed if self.found is not None else ()


@dataclass(slots=True, kw_only=True)
class Spoken:
    """What was said, filled while it is said."""

    text: str = ""
    written_by: str = "fixed"
    degraded_reason: str | None = None
    opening: str = ""
    rejected: tuple[str, ...] = field(default_factory=tuple)
    adapter: str = ""
    prompt: str = SERVING
    """The variant it was written by."""

    arm_errors: tuple[Layer, ...] = ()
    """Layers of the writing whose candidate failed."""

    told: tuple[str, ...] = ()
    """The text as a model is to write it (`Written.told`)."""


def selected(understanding: Understanding, turns: Turns) -> Recommendation | None:
    """Return the shop of the last answer that is meant, by number or name; the only one shown if nothing else says."""
    shown = turns.last_shown
    number = understanding.selection
    if number and 1 <= number <= len(shown):
        return shown[number - 1]
    name = understanding.shop_name
    if name:
        for r in shown:
            if name in r.name or r.name in name:
                return r
        return None
    return shown[0] if len(shown) == 1 and not number else None
