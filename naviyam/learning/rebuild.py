"""A logged answer as the writer saw it: the `WriteRequest` out of a record and the catalogue. Pure.

The record holds what the moment decided (way, opening hours, loosened wishes, the limit), the catalogue what a shop is. A
shop that has changed or gone since cannot be told of again.
"""

from collections.abc import Mapping
from typing import Any

from naviyam.catalog.store import Catalog
from naviyam.conversation import Turns
from naviyam.nlg.brief import WriteRequest
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Emotion, Filters, Intent, Understanding


def write_request(record: Mapping[str, Any], catalog: Catalog) -> WriteRequest | None:
    """Return what the writer was asked, None where a shop of the answer is not in the catalogue any more.

    Raises:
        KeyError, TypeError, ValueError: the record is not of this log's form.
    """
    writing, understood = record["writing"], record["understanding"]
    limit_won = int(writing["limit_won"])
    shown = [
        _shown(one, seen, catalog, limit_won)
        for one, seen in zip(record["shown"], writing["shops"], strict=False)
    ]
    if not shown or any(r is None for r in shown):
        return None
    shops = tuple(r for r in shown if r is not None)
    return WriteRequest(
        question=record["input"],
        understanding=Understanding(
            intent=Intent(understood["intent"]),
            confidence=float(understood["confidence"]),
            filters=Filters.from_dict(understood.get("filters") or {}),
            semantic_query=understood.get("semantic_query") or "",
            emotion=Emotion(understood["emotion"]),
            shop_name=shops[0].name if writing["named"] else None,
        ),
        recommendations=shops,
        limit_won=limit_won,
        relaxed=tuple(writing["relaxed"]),
        turns=_before(shops, writing["saved_won"]),
        place_known=bool(writing["place_known"]),
        request_id=record["interaction_id"],
    )


def _shown(
    one: Mapping[str, Any], seen: Mapping[str, Any], catalog: Catalog, limit_won: int
) -> Recommendation | None:
    row = catalog.row_of.get(one["shop_id"])
    if row is None or catalog.alcohol[row]:
        return None
    shop = catalog.shop(row)
    discounts = {(m.name, m.price_won): m.discount_won for m in catalog.menus(row)}
    menus = tuple(
        ShownMenu(
            name=m["name"],
            price_won=m["price_won"],
            over_limit_won=max(0, m["price_won"] - limit_won),
            discount_won=discounts.get((m["name"], m["price_won"]), 0),
        )
        for m in one.get("menus") or ()
    )
    return Recommendation(
        rank=one["rank"],
        shop_id=shop.shop_id,
        name=shop.name,
        category=shop.category,
        address=shop.address,
        menus=menus,
        meal_card=shop.meal_card.value,
        is_good_influence_shop=shop.is_good_influence_shop,
        rating=shop.rating,
        score=one["score"],
        distance_m=seen.get("distance_m"),
        walk_minutes=seen.get("walk_minutes"),
        open_now=seen.get("open_now"),
        open_until=seen.get("open_until"),
    )


def _before(shops: tuple[Recommendation, ...], saved_won: int | None) -> Turns:
    """Return a memory against which as much is saved as was; a prompt knows no more of it."""
    if not saved_won or not shops[0].menus:
        return Turns()
    price = shops[0].menus[0].price_won + saved_won
    earlier = Recommendation(
        rank=1,
        shop_id="",
        name="",
        category="",
        address="",
        menus=(ShownMenu(name="", price_won=price),),
    )
    return Turns(last_shown=(earlier,))
