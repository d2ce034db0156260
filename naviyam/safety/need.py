"""Which need a set of signs amounts to, in one message or over a conversation. Pure; knows no text.

The order is the order of danger. A calm reading wins only over idioms and plans to eat, never over an event: laughing
about being hit does not undo it, and food does not undo a farewell.
"""

from collections.abc import Sequence, Set
from typing import Literal

HelpKind = Literal["hunger", "hurt", "self_harm"]
Signs = Set[str]

_HIT_BY_OTHERS = frozenset({"hit", "threat", "touched", "lured", "bullied", "left", "violent_home"})
_LACK = frozenset({"no_money", "card_dead", "card_lost", "no_food", "begs", "no_meal_money"})
_POOR = frozenset({"no_money", "broke", "no_meal_money", "card_dead"})
_FASTING = frozenset({"no_meal", "long_fast"})

KEPT = frozenset(
    {
        "no_food", "no_money", "no_meal_money", "broke", "card_dead", "card_lost", "long_fast", "no_meal", "no_carer", "since", "hungry", "begs", "free_meal",
        "injured", "did_it", "avoids", "drunk", "afraid", "again", "hit", "left", "bullied", "threat",
        "hopeless", "end", "farewell", "last_meal", "high_place", "vanish",
        "means", "reason", "play", "study",
    }
)  # fmt: skip
"""The signs that memory keeps for the messages after."""

REMEMBERED = 8
"""Messages whose signs count for the next one: what was said before them belongs to another moment, the calm of it as
well as the need. Twice the longest of the labelled conversations (`help_turns`, four messages)."""


def heard(before: Sequence[tuple[str, ...]], signs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the signs of the last messages, newest last, after one more.

    >>> heard([("broke",)] * 8, ["hungry"])[-2:], len(heard([()] * 8, ()))
    ((('broke',), ('hungry',)), 8)
    """
    return (*before, tuple(signs))[-REMEMBERED:]


def need_of(here: Signs, before: Signs = frozenset()) -> HelpKind | None:
    """Return the need that a message shows, given the signs of the messages before it.

    >>> need_of({"broke"}), need_of({"broke"}, {"long_fast", "no_meal"})
    (None, 'hunger')
    >>> need_of({"die_wish", "laughs"}, {"play"}), need_of({"die_wish"})
    (None, 'self_harm')
    """
    together = here | before
    if _self_harm(here, before, together):
        return "self_harm"
    if _hurt(here, together):
        return "hurt"
    if _hunger(here, before, together):
        return "hunger"
    return None


def explained(here: Signs, before: Signs) -> frozenset[HelpKind]:
    """Return the needs that a message only seems to show, since what was said before it explains it.

    >>> sorted(explained({"die_wish", "laughs"}, {"play"})), sorted(explained({"no_meal"}, {"reason"}))
    (['self_harm'], ['hunger'])
    >>> explained({"no_meal", "no_money"}, {"reason"}), explained({"die_wish"}, {"play"})
    (frozenset(), frozenset())
    """
    kinds: set[HelpKind] = set()
    laughing = "laughs" in here and "serious" not in here
    if laughing and {"die_wish", "vanish"} & here and {"play", "study"} & before:
        kinds.add("self_harm")
    if "no_meal" in here and "reason" in before and not here & (_LACK | {"long_fast"}):
        kinds.add("hunger")
    return frozenset(kinds)


def _self_harm(here: Signs, before: Signs, together: Signs) -> bool:
    laughing = "laughs" in here and "serious" not in here
    joking = laughing and bool({"play", "study", "food_wish"} & together)
    if "suicide" in here and not (laughing and "play" in together):
        return True
    if {"die_wish", "vanish", "high_place"} & here and not joking:
        return True
    if "farewell" in here and ("food_wish" not in here or "hopeless" in together):
        return True
    if (
        "end" in here
        and not ({"play", "means"} & here)
        and ("food_wish" not in here or "last_meal" in here)
    ):
        return True
    if "last_meal" in together and {"farewell", "end", "hopeless", "vanish"} & together:
        return True
    if "goodbye" in here and {"high_place", "last_meal", "hopeless", "vanish", "end"} & before:
        return True
    return "hopeless" in here and bool({"hopeless", "end", "vanish"} & before)


def _hurt(here: Signs, together: Signs) -> bool:
    joking = (
        "laughs" in here and "serious" not in here and not {"again", "injured", "afraid"} & here
    )
    strong = _HIT_BY_OTHERS & here
    if strong and not (joking and strong <= {"hit", "threat", "bullied"}):
        return not (
            "play" in here and strong <= {"hit"} and not {"serious", "afraid", "again"} & here
        )
    if "again" in here and {"bullied", "hit", "threat"} & together and not joking:
        return True
    if {"afraid", "drunk"} <= here or (
        "afraid" in here and "laughs" not in here and "play" not in here
    ):
        return True
    if "injured" in together and "did_it" in here and "laughs" not in here:
        return True
    if (
        "avoids" in together
        and {"again", "drunk", "afraid"} & together
        and here & {"again", "drunk", "avoids", "afraid"}
    ):
        return True
    if "no_carer" in together and "since" in here and not {"food_wish", "means"} & together:
        return True
    return bool({"pleads", "only_help"} & here) and not {"laughs", "play", "food_wish"} & together


def _hunger(here: Signs, before: Signs, together: Signs) -> bool:
    wish = "food_wish" in here
    poor = bool({"no_money", "broke", "no_meal_money"} & here)
    if "means" in here:
        return bool({"no_food", "long_fast"} & here) and poor and not wish
    teased = "laughs" in here and not {"serious", "utterly", "long_fast"} & here
    if {"meal_refused", "no_cook", "no_meal_money"} & here and not wish and not teased:
        return True
    told = here & (_LACK | _FASTING | {"broke", "no_carer", "hungry", "free_meal"})
    if not told or ("laughs" in here and not {"serious", "no_food", "no_money"} & here):
        return False
    chosen = "reason" in together and not {"no_money", "card_dead"} & together
    if chosen:
        return False
    if "means" in before and not {"no_money", "card_dead", "no_food", "long_fast"} & together:
        return False
    if "no_food" in here:
        return not wish or bool({"utterly", *_POOR, *_FASTING} & together)
    if "long_fast" in here or ("begs" in here and not wish):
        return True
    if {"no_money", "card_dead", "card_lost"} & together and together & (
        _FASTING | {"hungry", "no_food", "free_meal"}
    ):
        return not wish or "no_money" in here
    if "broke" in together and together & (_FASTING | {"no_food", "free_meal", "hungry"}):
        return not wish
    if "no_carer" in together and together & (_FASTING | {"hungry", "no_food", "broke"}):
        return not wish
    if {"no_money", "card_dead"} & here and {"how", "pleads", "asks_help"} & here:
        return not wish
    without = "card_dead" in together and {"no_money", "broke"} & here
    return bool(without) and not wish
