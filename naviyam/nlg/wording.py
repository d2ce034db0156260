"""How the short sentences over slots are said: in full, and otherwise next time. Pure; tables are in `style`.

The small base writes the shortest form of a thought, because its tokenizer needs 2.5 tokens for a Korean syllable. What
the child reads is chosen here, before the check on facts, for the model's sentences and the template's alike.
"""

import random
import re

from naviyam.nlg import style
from naviyam.nlg.brief import MAX_SHOWN, SLOT, Situation, WriteRequest
from naviyam.nlg.prompt import card_claimed, themes

_TAIL = re.compile(r"[\s\U0001F300-\U0001FAFF\u2600-\u27BF\ufe0f\u200d]*$")
_BARE = re.compile(r"@([1-9])도 (?:있어요|좋아요|좋죠)[.!]")
_ADDRESS = re.compile(r"@([1-9])은 \^\1에 있어요\.")
_FAR = re.compile(r"%([1-9])(?:이)?면 가요\.")


def said(sentence: str, request: WriteRequest, *, named: bool, minutes: bool = True) -> str:
    """Return a sentence as it is said, slots and emoji kept.

    Args:
        sentence: one sentence over slots; unknown ones come back as they are.
        request: the answer it belongs to; its seed decides between forms.
        named: whether the shop it is about was named just before.
        minutes: whether the way to that shop is told in minutes on foot.
    """
    tail = _TAIL.search(sentence)
    assert tail is not None
    head = sentence[: tail.start()]
    return _said(head, request, named=named, minutes=minutes) + _fitting_emoji(tail[0], request)


def _fitting_emoji(tail: str, request: WriteRequest) -> str:
    """Put the picture of the food asked for in the place of another food's."""
    wanted = style.EMOJI_BY_WISH.get(request.wish or "", style.EMOJI_ANY[0])
    foods = {*style.EMOJI_BY_WISH.values()} - {*style.EMOJI_ANY, wanted}
    return "".join(wanted if sign in foods else sign for sign in tail)


def off_theme(sentence: str, request: WriteRequest) -> bool:
    """Return whether a sentence is an opening of `style` for another occasion ("힘내요!" to who feels well)."""
    head = _TAIL.sub("", sentence)
    filters = request.understanding.filters
    fitting = {*themes(request), "plain", "wish", "budget", filters.companion, filters.time_of_day}
    if card_claimed(request):
        fitting |= {"card", "card wish"}
    where = {theme for theme, forms in style.OPENINGS.items() if head in forms}
    return bool(where) and not where & fitting


def _said(head: str, request: WriteRequest, *, named: bool, minutes: bool) -> str:
    alone = len(request.recommendations[:MAX_SHOWN]) == 1
    if request.wish in style.PLACES_TO_SIT and head in style.SAID_OF_PLACES:
        return style.SAID_OF_PLACES[head]
    if forms := style.SAID.get(head):
        head = random.Random(f"{request.seed}:{head}").choice(forms)
    if alone:
        head = head.removeprefix("모두 ")
    if not minutes:
        head = _FAR.sub(r"%\1이에요.", head)
    if bare := _BARE.fullmatch(head):
        return _bare(int(bare[1]), request, alone=alone)
    if named and (address := _ADDRESS.fullmatch(head)):
        return style.SHOP_ADDRESS_AGAIN.replace("1", address[1])
    if alone and request.situation is not Situation.SELECT:
        form = style.SAID_ALONE.get(SLOT.sub(lambda m: f"{m[1]}1", head))
        return form or head
    return head


def _bare(i: int, request: WriteRequest, *, alone: bool) -> str:
    """Return what is said of a shop of which only the name and the place are known."""
    if request.situation is Situation.SHOP:
        form = style.SHOP_KNOWN
    elif not request.recommendations[i - 1].address:
        form = style.SHOP_NAME[0]
    else:
        form = style.SHOP_PLACE_ALONE if alone else style.SHOP_PLACE
    return form.replace("1", str(i))
