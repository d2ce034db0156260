"""Which shop of the last answer is chosen by its name, its food or its place in an order. Pure.

Numbers (두 번째 거) are `intents.ordinal`'s. Refuses to choose where nothing says that the child decided.
"""

import re
from collections.abc import Sequence

from naviyam.nlu.spans import Span
from naviyam.recommendation import Recommendation
from naviyam.text.clean import squash
from naviyam.text.dishes import serves

_DECIDES = re.compile(
    r"(?:갈래|갈게|갈께|갈랭|가자|가야[지겠]|할래|할게|할께|하자|결정|정했|정함|골랐|고를게|픽|콜|ㄱㄱ|좋을\s?듯|좋겠|맘에\s?들|마음에\s?들|간다|먹으러|먹을[래게](?!\?))"
)
_SEEKS = re.compile(r"추천|알려|찾아|보여|있어\?|있나|없어|다른|어디|말고|더\s")
_CHEAPEST = re.compile(r"(?:제일|젤|가장)\s?(?:싼|저렴)|싼\s?(?:데|곳|집|거)")
_NEAREST = re.compile(r"(?:제일|젤|가장)\s?가까|가까운\s?(?:데|곳|집|거)")
_ASKS = ("budget_max", "open_now", "location", "time_of_day", "payment_method", "party_size")


def chosen(text: str, spans: Sequence[Span], shown: Sequence[Recommendation]) -> int | None:
    """Return the rank of the shop that a message decides for, None where it names none of those shown."""
    if not shown or not _DECIDES.search(text) or _SEEKS.search(text):
        return None
    if any(s.key in _ASKS for s in spans):
        return None
    foods = [str(s.value) for s in spans if s.key in ("category", "food_type") and not s.negated]
    fitting = [r for r in shown if foods and all(_offers(r, food) for food in foods)]
    if foods:
        return fitting[0].rank if fitting and len(fitting) < max(2, len(shown)) else None
    if _CHEAPEST.search(text):
        priced = [(min(m.price_won for m in r.menus), r.rank) for r in shown if r.menus]
        return min(priced)[1] if priced else None
    if _NEAREST.search(text):
        near = [(r.distance_m, r.rank) for r in shown if r.distance_m is not None]
        return min(near)[1] if near else None
    return None


def named(text: str, shown: Sequence[Recommendation]) -> tuple[int, str] | None:
    """Return rank and pattern of a shop of the last answer that is called by its name, or by all but its branch."""
    squeezed = text.replace(" ", "")
    for shop in shown:
        for name in (shop.name, re.sub(r"\s?[가-힣0-9]+점$", "", shop.name)):
            bare = name.replace(" ", "")
            if len(bare) >= 2 and bare in squeezed:
                return shop.rank, r"\s?".join(map(re.escape, bare))
    return None


def _offers(shop: Recommendation, food: str) -> bool:
    menus = "|".join(squash(m.name) for m in shop.menus)
    return food == shop.category or serves(food, menus) or squash(food) in squash(shop.name)
