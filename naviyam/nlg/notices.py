"""What must be said whoever writes: unknown facts, the card's limit, allergies, loosened wishes.

Fixed sentences from `style`, filled from the recommendations; no model has a say in them.
"""

from collections.abc import Sequence

from naviyam.nlg import style
from naviyam.nlg.brief import MAX_SHOWN, Situation, WriteRequest, won
from naviyam.recommendation import Recommendation
from naviyam.request import Intent
from naviyam.text.josa import josa

_STATED = {Situation.RECOMMEND, Situation.CHEAPER, Situation.OTHERS}


def before_text(request: WriteRequest) -> list[str]:
    """Return what is said first: which wish had to be loosened."""
    said: list[str] = []
    for wish in request.relaxed:
        text = style.NOTICE_RELAXED.get(wish.split(":")[0])
        if text and text not in said:
            said.append(text)
    return said[:2]


def after_shop(request: WriteRequest, i: int) -> list[str]:
    """Return what is said once shop `i` (1-based) was named: that its menu costs more than the card pays."""
    r = request.recommendations[i - 1]
    if not r.menus or not r.menus[0].over_limit_won:
        return []
    menu = r.menus[0]
    return [
        style.NOTICE_OVER_LIMIT.format(
            menu=josa(menu.name, "은/는"),
            price=won(menu.price_won),
            limit=won(request.limit_won),
            over=josa(won(menu.over_limit_won), "이/가"),
        )
    ]


def after_text(request: WriteRequest) -> list[str]:
    """Return what is said last: unknown card or hours, allergies, and where the child is."""
    shown = request.recommendations[:MAX_SHOWN]
    filters = request.understanding.filters
    said: list[str] = []
    about_card = request.understanding.intent is Intent.MEAL_CARD_INQUIRY
    if about_card and request.situation is Situation.SHOP:
        said += _about(style.NOTICE_CARD_YES, [r for r in shown if r.meal_card == "yes"], shown)
    if about_card or filters.payment_method == "meal_card":
        unknown = [r for r in shown if r.meal_card == "unknown"]
        said += _about(style.NOTICE_CARD_UNKNOWN, unknown, shown)
    said += _about(style.NOTICE_CARD_NO, [r for r in shown if r.meal_card == "no"], shown)
    asked_open = filters.open_now is True or request.understanding.intent in (
        Intent.OPEN_NOW_INQUIRY,
        Intent.SHOP_INQUIRY,
    )
    if asked_open:
        said += _about(style.NOTICE_HOURS_UNKNOWN, [r for r in shown if r.open_now is None], shown)
    for food in filters.allergies:
        said.append(style.NOTICE_ALLERGY.format(food=josa(food, "이/가"), name=food))
    if not request.place_known and request.situation in _STATED:
        said.append(style.NOTICE_PLACE)
    return said


def _about(
    template: str, concerned: Sequence[Recommendation], shown: Sequence[Recommendation]
) -> list[str]:
    if not concerned:
        return []
    if len(concerned) == len(shown) and len(shown) > 1:
        names = "모두"
    else:
        names = josa(", ".join(r.name for r in concerned), "은/는")
    return [template.format(names=names)]
