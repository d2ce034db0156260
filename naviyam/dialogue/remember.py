"""What memory keeps after a turn. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from naviyam.conversation import Turns
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Intent, Understanding
from naviyam.safety.need import heard

_OPENINGS_KEPT = 6
_SHOWN_KEPT = 60


def remember(
    turns: Turns,
    *,
    understanding: Understanding,
    filters: Filters,
    shown: Sequence[Recommendation],
    opening: str,
    place: str | None,
    searched: bool,
    need_signs: Sequence[str] = (),
) -> Turns:
    """Return memory after an answer.

    A search replaces the wish and what was shown; small talk, help and facts on one shop leave both, so that "더 싼 데는?" after
    a thank-you still means the shops before it. `shown_before` grows while a wish is refined and starts again with a
    new one.
    """
    openings = tuple(o for o in (*turns.openings, opening) if o)[-_OPENINGS_KEPT:]
    turns = replace(turns, signs_by_message=heard(turns.signs_by_message, need_signs))
    if not searched:
        return replace(turns, openings=openings, place=place or turns.place)
    refined = understanding.intent is Intent.REFINE
    if (
        refined and not shown
    ):  # what cannot be granted is not remembered: the next word builds on what could
        return replace(turns, openings=openings, place=place or turns.place)
    before = turns.shown_before if refined else ()
    new = tuple(r.shop_id for r in shown if r.shop_id not in before)
    return Turns(
        last_understanding=understanding,
        last_shown=tuple(shown),
        filters=filters,
        shown_before=(*before, *new)[-_SHOWN_KEPT:],
        openings=openings,
        signs_by_message=turns.signs_by_message,
        place=place or turns.place,
    )
