"""What must be said whoever writes: unknown facts, the card's limit, allergies, loosened wishes.

Fixed sentences from `style`, filled from the recommendations; no model has a say in them.
"""

from collections.abc import Sequence

from naviyam.nlg import style
from naviyam.nlg.brief import MAX_SHOWN, Situation, WriteRequest, won
from naviyam.recommendation import Recommendation
from naviyam.request import Intent
from naviyam.text.josa import josa

_NEAR_MINUTES = 20
_FAR_M = 3_000
_ALL = ("", "", "두 곳 모두", "세 곳 모두")
_STATED = {Situation.RECOMMEND, Situation.CHEAPER, Situation.OTHERS}


def before_text(request: WriteRequest) -> list[str]:
    """Return what is said first: which wish had to be loosened, in one sentence where two can share it."""
    wishes = list(dict.fromkeys(w.split(":")[0] for w in request.relaxed))
    if "location" in wishes and (_all_near(request) or "is_good_influence_shop" in wishes):
        wishes.remove("location")
    told = [w for w in wishes if w in style.NOTICE_RELAXED][:2]
    if told == ["location"]:
        return [_farther(request)]
    if len(told) == 2 and all(w in style.RELAXED_TO for w in told):
        first, second = (style.RELAXED_TO[w] for w in told)
        return [style.NOTICE_RELAXED_BOTH.format(first=josa(first, "이랑/랑"), second=second)]
    return [style.NOTICE_RELAXED[w] for w in told]


def _farther(request: WriteRequest) -> str:
    """Say how far the search went: a little, a long way, or, where nobody knows the way, into another town."""
    distances = [r.distance_m for r in request.recommendations[:MAX_SHOWN]]
    known = [d for d in distances if d is not None]
    if not known:
        return style.NOTICE_OTHER_TOWN
    return style.NOTICE_ALL_FAR if min(known) > _FAR_M else style.NOTICE_RELAXED["location"]


def _all_near(request: WriteRequest) -> bool:
    """Return whether every shop can be walked to, so that nothing far has to be explained."""
    shown = request.recommendations[:MAX_SHOWN]
    return all(r.walk_minutes is not None and r.walk_minutes <= _NEAR_MINUTES for r in shown)


def after_shop(request: WriteRequest, i: int) -> list[str]:
    """Return what is said once shop `i` (1-based) was named: more of its menus, what the card does not pay."""
    r = request.recommendations[i - 1]
    said: list[str] = []
    asked_menus = request.understanding.intent is Intent.MENU_INQUIRY
    if asked_menus and request.situation is Situation.SHOP and len(r.menus) > 1:
        menus = ", ".join(f"{m.name} {won(m.price_won)}" for m in r.menus[1:])
        said.append(style.NOTICE_MORE_MENUS.format(menus=menus))
    if r.menus and r.menus[0].over_limit_won:
        said += _over_limit(request, i)
    return said


def _over_limit(request: WriteRequest, i: int) -> list[str]:
    """Say what is left to pay, and what of the same shop the card pays whole; of a second shop only the difference."""
    shown = request.recommendations[:i]
    menus = shown[-1].menus
    over = josa(won(menus[0].over_limit_won), "이/가")
    if any(r.menus and r.menus[0].over_limit_won for r in shown[:-1]):
        said = [style.NOTICE_OVER_LIMIT_AGAIN.format(over=over)]
    else:
        told = request.situation is not Situation.SELECT
        form = style.NOTICE_OVER_LIMIT_TOLD if told else style.NOTICE_OVER_LIMIT
        said = [
            form.format(
                menu=josa(menus[0].name, "은/는"),
                price=won(menus[0].price_won),
                limit=won(request.limit_won),
                over=over,
            )
        ]
    fits = next((m for m in menus[1:] if not m.over_limit_won), None)
    if fits is not None and shown[-1].meal_card == "yes":
        menu = josa(f"{fits.name}({won(fits.price_won)})", "은/는")
        said.append(style.NOTICE_WITHIN_LIMIT.format(menu=menu))
    return said


def after_text(request: WriteRequest, told: str = "") -> list[str]:
    """Return what is said last: unknown card, hours or prices, and allergies; `told` is the answer so far."""
    shown = request.recommendations[:MAX_SHOWN]
    filters = request.understanding.filters
    said: list[str] = []
    about_card = request.understanding.intent is Intent.MEAL_CARD_INQUIRY
    if not answers_card_first(request):
        if about_card or filters.payment_method == "meal_card":
            unknown = [r for r in shown if r.meal_card == "unknown"]
            said += _about(style.NOTICE_CARD_UNKNOWN, unknown, shown)
        said += _about(style.NOTICE_CARD_NO, [r for r in shown if r.meal_card == "no"], shown)
    asked_open = filters.open_now is True or request.understanding.intent in (
        Intent.OPEN_NOW_INQUIRY,
        Intent.SHOP_INQUIRY,
    )
    no_hours = [r for r in shown if r.open_now is None] if asked_open else []
    no_prices = shown if request.situation in _STATED and not any(r.menus for r in shown) else ()
    if no_prices and len(no_hours) == len(shown):
        said += _about(style.NOTICE_HOURS_AND_PRICES_UNKNOWN, shown, shown)
        no_hours, no_prices = [], ()
    said += _about(style.NOTICE_HOURS_UNKNOWN, no_hours, shown)
    if filters.sort == "highest_rated" and all(r.rating is None for r in shown):
        said.append(style.NOTICE_RATING_UNKNOWN)
    said += _about(style.NOTICE_PRICES_UNKNOWN, no_prices, shown)
    asked_menus = request.understanding.intent is Intent.MENU_INQUIRY
    if asked_menus and request.situation is Situation.SHOP and not shown[0].menus:
        price_told = style.CLAIM_NO_MENU[0] in told
        said.append(style.NOTICE_MENUS_UNKNOWN_TOO if price_told else style.NOTICE_MENUS_UNKNOWN)
    for food in filters.allergies:
        said.append(style.NOTICE_ALLERGY.format(food=josa(food, "이/가"), name=food))
    return said


def answers_card_first(request: WriteRequest) -> bool:
    """Return whether the child asked of one shop whether the card works there: that is answered before all else."""
    asked = request.understanding.intent is Intent.MEAL_CARD_INQUIRY
    return asked and request.situation is Situation.SHOP


def card_answer(request: WriteRequest) -> str:
    """Return whether the card works in the one shop that was asked about."""
    shop = request.recommendations[0]
    return style.NOTICE_CARD[shop.meal_card].format(names=josa(shop.name, "은/는"), topic="")


def asks_place(request: WriteRequest) -> bool:
    """Return whether the child is to be asked where it is: nobody knows, and it would help."""
    return not request.place_known and request.situation in _STATED


def _about(
    template: str, concerned: Sequence[Recommendation], shown: Sequence[Recommendation]
) -> list[str]:
    if not concerned:
        return []
    if len(shown) == 1:
        names = ""
    elif len(concerned) == len(shown):
        names = _ALL[len(shown)]
    else:
        names = josa(", ".join(r.name for r in concerned), "은/는")
    return [template.format(names=names, topic="" if names else "는").strip()]
