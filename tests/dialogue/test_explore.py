"""Exploration leaves what a child asked for as it is, and writes down the chance of what it showed."""

import asyncio
from math import prod

import pytest

from naviyam.ranker.explore import propensities
from naviyam.request import Filters, Intent, UserProfile
from naviyam.settings import Settings


@pytest.fixture
def settings():
    """Always drawn, and nearly uniformly."""
    return Settings.parse(
        {
            "ranker": {
                "exploration": 1.0,
                "exploration_among": 4,
                "exploration_temperature": 100.0,
            }
        }
    )


def orders(bench, message="추천해줘", turns=30, **more):
    return {
        tuple(r.shop_id for r in bench.ask(message, user=f"u{i}", number=i, **more).recommendations)
        for i in range(turns)
    }


def test_orders_differ_and_no_bar_is_among_them(bench):
    found = orders(bench)
    assert len(found) > 5
    assert all(len(set(order)) == 3 for order in found)
    assert not any("s5" in order for order in found)


def test_the_same_interaction_is_answered_alike(bench):
    one, other = bench.ask("추천해줘", number=7), bench.ask("추천해줘", user="u2", number=7)
    assert [r.shop_id for r in one.recommendations] == [r.shop_id for r in other.recommendations]


def test_the_record_holds_the_chance_of_what_was_shown_and_what_it_was_drawn_from(bench):
    for number in range(10):
        bench.ask("추천해줘", user=f"u{number}", number=number)
    for record in bench.sink.interactions:
        policy, shown = record["exploration"], record["shown"]
        pool = [p["shop_id"] for p in policy["pool"]]
        scores = {c["shop_id"]: c["score"] for c in record["candidates"]}
        expected = propensities(
            [pool.index(s["shop_id"]) for s in shown],
            [scores[shop_id] for shop_id in pool],
            share=policy["share"],
            temperature=policy["temperature"],
        )
        assert [s["propensity"] for s in shown] == pytest.approx(list(expected), rel=1e-5)
        assert prod(expected) < 0.1
        assert policy["explored"]
        assert [s["rank"] for s in shown] == [1, 2, 3]
        (left,) = [p for p in policy["pool"] if "wide" in p]
        assert (len(left["wide"]), len(left["numeric"])) == (50, 10)
        assert left["shop_id"] not in {s["shop_id"] for s in shown}


@pytest.mark.parametrize("sort", ["cheapest", "nearest", "popular", "highest_rated"])
def test_a_sort_that_was_asked_for_is_never_explored(bench, sort):
    bench.means("정렬", filters=Filters(sort=sort))
    assert len(orders(bench, "정렬", turns=10)) == 1
    assert "exploration" not in bench.sink.interactions[0]
    assert bench.sink.interactions[0]["shown"][0]["propensity"] == 1.0


def test_the_dish_that_was_asked_for_still_comes_first(bench):
    bench.means("김밥", filters=Filters(food_type="김밥"))
    assert {order[0] for order in orders(bench, "김밥", turns=10)} == {"s6"}


def test_known_open_shops_still_come_before_unknown_ones(bench):
    bench.stages.rows = (0, 1, 2, 5)
    bench.means("열린 곳", Intent.OPEN_NOW_INQUIRY, filters=Filters(open_now=True))
    assert all("s6" not in order for order in orders(bench, "열린 곳", turns=10))


def test_who_agreed_to_nothing_and_a_loosened_search_are_not_explored(bench):
    bench.stages.relaxed = ("location",)
    assert len(orders(bench, turns=10)) == 1
    bench.stages.relaxed = ()
    for i in range(10):
        asyncio.run(bench.profiles.put(UserProfile(user_id=f"u{i}", consent=False)))
    assert len(orders(bench, turns=10)) == 1


def test_without_the_model_nothing_is_drawn(bench):
    bench.stages.broken = frozenset({"rank"})
    assert len(orders(bench, turns=10)) == 1
