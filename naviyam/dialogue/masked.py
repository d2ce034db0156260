"""What was understood, without what identifies a child: the form in which it is remembered and logged. Pure."""

from dataclasses import replace

from naviyam.request import Entity, Filters, Intent, Understanding
from naviyam.text.personal import mask


def masked(understanding: Understanding, message: str) -> Understanding:
    """Return an understanding of `message` whose words hold no personal data; of a call for help, no word at all.

    Keywords are pieces of the message, so that only those stay which its masked form still holds.
    """
    if understanding.intent is Intent.HELP_NEEDED:
        return Understanding(
            intent=understanding.intent,
            confidence=understanding.confidence,
            emotion=understanding.emotion,
            decided_by=understanding.decided_by,
        )
    plain = mask(message)
    if plain == message:
        return understanding
    return replace(
        understanding,
        semantic_query=mask(understanding.semantic_query),
        keywords=tuple(k for k in understanding.keywords if k in plain),
        entities=tuple(e for e in understanding.entities if _kept(e, message, plain)),
        filters=_without_places(understanding.filters),
    )


def _kept(entity: Entity, message: str, plain: str) -> bool:
    return message[entity.start : entity.end] in plain


def _without_places(filters: Filters) -> Filters:
    """Drop a place that is an address down to the house."""
    where = filters.location
    if where is None or mask(where) == where:
        return filters
    return replace(filters, location=None)
