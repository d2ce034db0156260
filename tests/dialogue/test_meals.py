"""What is shown to a child who asks for a meal: no coffee alone, no sack of rice cake."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from naviyam.catalog.types import Menu
from naviyam.dialogue.present import View, _is_meal, shown_menus
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Filters, RequestContext
from naviyam.settings import Settings


def view(**wishes: Any) -> View:
    return View(
        catalog=cast(Any, None),
        settings=Settings(),
        filters=Filters(**wishes),
        context=RequestContext(time=datetime(2026, 11, 29, 12, tzinfo=UTC)),
        place=None,
        pays_by_card=False,
    )


def shop(*menus: tuple[str, int]) -> Recommendation:
    shown = tuple(ShownMenu(name=n, price_won=p) for n, p in menus)
    return Recommendation(rank=1, shop_id="s", name="집", category="", address="", menus=shown)


def test_coffee_alone_is_no_meal_but_where_one_asks_for_a_cafe() -> None:
    coffee = shop(("아메리카노", 2_000), ("카페라떼", 2_500))
    assert not _is_meal(coffee, view())
    assert not _is_meal(coffee, view(food_type="햄버거"))
    assert _is_meal(coffee, view(category="카페"))
    assert _is_meal(shop(("아메리카노", 2_000), ("토스트", 3_000)), view())


def test_what_costs_many_meals_is_none_and_what_is_unknown_may_be_one() -> None:
    assert not _is_meal(shop(("가래떡(1말)", 60_000)), view())
    assert _is_meal(shop(("가래떡(1말)", 60_000)), view(food_type="가래떡"))
    assert _is_meal(replace(shop(), menus=()), view())


def test_in_a_cafe_a_child_is_not_offered_coffee_first() -> None:
    menus = [
        Menu(menu_id=str(i), shop_id="s", name=name, price_won=3_000)
        for i, name in enumerate(("아메리카노", "딸기에이드"))
    ]
    first, *_ = shown_menus(menus, view(category="카페"))
    assert first.name == "딸기에이드"
