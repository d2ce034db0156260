"""Earlier turns of a conversation, as a file or a labelled set tells them, made into memory. Pure.

A turn is `{"text": what the child wrote, "shown": the shops answered with}`; a shop is a name or an object with
`name` and, where known, `category`, `price_won` or `menus` (`name`, `price_won`). Refuses to search.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from naviyam.conversation import Turns
from naviyam.errors import InputError
from naviyam.nlu.resolve import SEARCHING, resolve
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import RELATIVE_PLACES, Intent, Understanding


def replay(
    understand: Callable[[str, Turns], Understanding], earlier: Sequence[Mapping[str, Any]]
) -> Turns:
    """Return the memory that earlier turns leave; what was neither a search nor answered with shops leaves none.

    Raises:
        InputError: a turn or a shop has another shape.
    """
    turns = Turns()
    for turn in earlier:
        if not isinstance(turn, Mapping) or not isinstance(turn.get("text"), str):
            raise InputError("a turn must be an object with a text", field="turns")
        shown = tuple(_shop(rank, s) for rank, s in enumerate(turn.get("shown") or (), start=1))
        found = resolve(understand(turn["text"], turns), turns)
        searched = found.intent in SEARCHING or found.intent is Intent.REFINE
        if not searched and (not shown or turns.last_shown):
            continue
        named = found.filters.location
        turns = Turns(
            last_understanding=found,
            last_shown=shown,
            filters=found.filters,
            shown_before=tuple(s.shop_id for s in shown),
            place=turns.place if named is None or named in RELATIVE_PLACES else named,
        )
    return turns


def _shop(rank: int, shop: object) -> Recommendation:
    if isinstance(shop, str):
        shop = {"name": shop}
    if not isinstance(shop, Mapping) or not isinstance(shop.get("name"), str):
        raise InputError("a shown shop must be a name or an object with a name", field="turns")
    menus = [(m.get("name", ""), m.get("price_won")) for m in shop.get("menus") or ()]
    menus = menus or [("", shop.get("price_won"))]
    return Recommendation(
        rank=rank,
        shop_id=str(shop.get("shop_id", f"turn:{shop['name']}")),
        name=shop["name"],
        category=str(shop.get("category", "")),
        address="",
        menus=tuple(
            ShownMenu(name=str(n), price_won=p) for n, p in menus if isinstance(p, int) and p > 0
        ),
    )
