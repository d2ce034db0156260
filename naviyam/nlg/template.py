"""The template writer: composes an answer from `style`, slot by slot. Always right, never late.

The same composition with a free random source makes the first training targets of the `nlg` adapter.
"""

import random
from collections.abc import Mapping, Sequence

from naviyam.nlg import style
from naviyam.nlg.brief import MAX_SHOWN, SLOT, Situation, WriteRequest, realise, slot_values
from naviyam.nlg.prompt import flags, themes
from naviyam.request import Intent


def compose(request: WriteRequest, rng: random.Random) -> list[str]:
    """Return the answer as sentences over slots: an opening, one or two per shop; `ending` follows."""
    values = slot_values(request)
    if request.situation is Situation.SELECT:
        return [_pick(style.SELECT if "%1" in values else style.SELECT_NO_WALK, values, rng, i=1)]
    sentences = [] if request.situation is Situation.SHOP else [opening(request, values, rng)]
    for i in range(1, len(request.recommendations[:MAX_SHOWN]) + 1):
        sentences.append(_shop(values, i, rng))
        sentences.extend(_claims(request, values, i, rng))
    return sentences


def ending(request: WriteRequest, rng: random.Random) -> str | None:
    """Return the question that leaves the child a next step, None where the answer itself sends them off."""
    if request.situation is Situation.SELECT:
        return None
    if request.situation is Situation.SHOP:
        return rng.choice(style.ENDINGS_SHOP)
    many = len(request.recommendations[:MAX_SHOWN]) > 1
    return rng.choice(style.ENDINGS_MANY if many else style.ENDINGS_ONE)


def compose_from(request: WriteRequest, rng: random.Random, *, first_shop: int = 1) -> list[str]:
    """Return `compose`'s sentences; with `first_shop` above 1 only those from that shop on (to end a broken answer)."""
    sentences = compose(request, rng)
    if first_shop > 1:
        wanted = {str(i) for i in range(first_shop, MAX_SHOWN + 1)}
        sentences = [s for s in sentences if {m[2] for m in SLOT.finditer(s)} & wanted]
    return sentences


def opening(request: WriteRequest, values: Mapping[str, str], rng: random.Random) -> str:
    """Return an opening that suits the occasion, not one said a moment ago."""
    pool = style.OPENINGS[rng.choice(themes(request))]
    fresh = [p for p in pool if not any(realise(p, values) in o for o in request.turns.openings)]
    emoji = style.EMOJI_BY_WISH.get(values.get("@0", "")) or rng.choice(style.EMOJI_ANY)
    return f"{rng.choice(fresh or pool)} {emoji}"


_SHOP_TABLES: Mapping[tuple[bool, bool, bool], Sequence[str]] = {
    (True, True, True): style.SHOP_MENU_WALK_OPEN,
    (True, True, False): style.SHOP_MENU_WALK,
    (True, False, True): style.SHOP_MENU_OPEN,
    (True, False, False): style.SHOP_MENU,
    (False, True, True): style.SHOP_WALK_OPEN,
    (False, True, False): style.SHOP_WALK,
    (False, False, True): style.SHOP_OPEN,
    (False, False, False): style.SHOP_NAME,
}
"""By what is known of the shop: a menu, the way, whether it is open."""


def _shop(values: Mapping[str, str], i: int, rng: random.Random) -> str:
    known = (f"#{i}" in values, f"%{i}" in values, f"&{i}" in values)
    return _pick(_SHOP_TABLES[known], values, rng, i=i)


def _claims(
    request: WriteRequest, values: Mapping[str, str], i: int, rng: random.Random
) -> list[str]:
    """Return the short claims on shop `i`, each covered by a flag or a slot."""
    found: list[str] = []
    if request.situation is Situation.SHOP:
        if f"^{i}" in values:
            found.append(_pick(style.SHOP_ADDRESS, values, rng, i=i))
        if f"#{i}" not in values:
            found.append(rng.choice(style.CLAIM_NO_MENU))
        return found
    if i == 1 and "$9" in values:
        return [rng.choice(style.CLAIM_SAVED)]
    claims = flags(request, i)
    if "good" in claims and request.understanding.intent is not Intent.GOOD_SHOP_INQUIRY:
        found.append(rng.choice(style.CLAIM_GOOD))
    elif "near" in claims and rng.random() < 0.6:
        found.append(rng.choice(style.CLAIM_NEAR))
    elif "cheap" in claims and rng.random() < 0.6:
        found.append(rng.choice(style.CLAIM_CHEAP))
    return found


def _pick(table: Sequence[str], values: Mapping[str, str], rng: random.Random, *, i: int) -> str:
    candidates = [_at(p, i) for p in table]
    return rng.choice([p for p in candidates if _fits(p, values)] or candidates[-1:])


def _at(phrase: str, i: int) -> str:
    return SLOT.sub(lambda m: m[0] if m[2] in "09" else f"{m[1]}{i}", phrase)


def _fits(phrase: str, values: Mapping[str, str]) -> bool:
    return all(m[0] in values for m in SLOT.finditer(phrase))
