"""Simulated children: seeded, varied, in school when school is; what they do follows the known chances."""

from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from naviyam.errors import ConflictError
from naviyam.ids import ID_PATTERN
from naviyam.request import CATEGORIES
from naviyam.simulation.asks import Wish, make_wish
from naviyam.simulation.clicks import click_chance, examination, order_chance
from naviyam.simulation.days import AFTER_SCHOOL, LUNCH, Plan, schedule
from naviyam.simulation.figures import figures_of
from naviyam.simulation.users import PREFIX, degrees
from naviyam.simulation.visit import FEEDBACK, MAX_ASKS, introduce, look, play

MONDAY, SATURDAY = date(2026, 11, 16), date(2026, 11, 21)
STIGMA = ("결식", "불우", "빈곤", "가난", "저소득")


def people(world, count=200, seed=7):
    return [world.user(n, seed=seed, bias=1.0) for n in range(1, count + 1)]


def seen_by(service, world, plan):
    return [
        seen
        for user, visit in schedule(world, plan)
        for seen in service.play(play(world, user, visit, seed=plan.seed), user, visit)
    ]


def test_a_child_is_made_from_the_seed_and_its_number_alone(town):
    one, same = (town.world.user(41, seed=7, bias=1.0) for _ in range(2))
    assert one.profile() == same.profile()
    assert np.array_equal(one.person.likes, same.person.likes)
    other = town.world.user(41, seed=8, bias=1.0)
    assert not np.array_equal(one.person.likes, other.person.likes)
    assert one.user_id == "sim_7_00041"
    assert other.user_id == "sim_8_00041"


def test_children_are_varied(town):
    users = people(town.world)
    assert all(u.user_id.startswith(PREFIX) and ID_PATTERN.fullmatch(u.user_id) for u in users)
    assert {u.age for u in users} == set(range(8, 19))
    assert {u.companion for u in users} == {"alone", "friend", "family", "group"}
    assert {u.person.profile.district for u in users} <= set(town.catalog.districts)
    assert len({u.person.profile.budget_won for u in users}) > 4
    assert any(u.person.profile.dietary for u in users)
    assert 0 < sum(u.silent for u in users) < 30
    assert 0 < sum(not u.person.profile.consent for u in users) < 15
    assert 0 < sum(not u.gives_point for u in users) < 45
    assert len({u.exponent for u in users}) == 3


def test_a_plan_is_the_same_visits_in_order_of_time(town):
    plan = Plan(seed=7, start=MONDAY, users=40, days=2)
    visits = [v for _, v in schedule(town.world, plan)]
    assert visits == [v for _, v in schedule(town.world, plan)]
    assert [v.time for v in visits] == sorted(v.time for v in visits)
    first = [(u.number, v) for u, v in schedule(town.world, plan) if u.number <= 10]
    alone = [(u.number, v) for u, v in schedule(town.world, replace(plan, users=10))]
    assert first == alone
    later = replace(plan, first_user=11, users=30)
    assert len(visits) == len(alone) + sum(1 for _ in schedule(town.world, later))
    assert 50 < len(visits) < 110


def test_school_hours_and_weekends_differ(town):
    def day(start):
        plan = Plan(seed=3, start=start, users=200, days=1, visits_per_day=4.0)
        return list(schedule(town.world, plan))

    school, free = day(MONDAY), day(SATURDAY)
    share = [Counter(v.slot for _, v in d)[LUNCH] / len(d) for d in (school, free)]
    assert share[0] < 0.2 < 0.35 < share[1]
    assert not any(v.at_school for _, v in free)
    assert any(v.at_school for _, v in school)
    bells = {8: 14.5, 15: 15.5, 18: 16.5}
    for age, bell in bells.items():
        hours = [
            v.time.hour + v.time.minute / 60
            for u, v in school
            if u.age == age and v.slot == AFTER_SCHOOL
        ]
        assert hours
        assert min(hours) >= bell - 0.02


def test_clicks_follow_examination_and_relevance(town, service_of):
    users = people(town.world, 60)
    visits = schedule(town.world, Plan(seed=7, start=MONDAY, users=60))
    user, visit = next((u, v) for u, v in visits if not u.silent and u.exponent == 1.0)
    service = service_of("best")
    answer = service.answer(user, visit, type("C", (), {"path": "/recommendations", "body": {}}))
    rng, wish, n = np.random.default_rng(3), Wish(text="", food=None), 2_000
    looks = [look(town.world, user, visit, wish, answer, turn=0, rng=rng) for _ in range(n)]
    chance = examination(np.arange(1, 11), 1.0) * click_chance(looks[0].utility)
    assert np.allclose(looks[0].examination * looks[0].relevance, chance)
    clicks = np.array([s.clicked for s in looks]).mean(axis=0)
    assert (np.abs(clicks - chance) < 4.5 * np.sqrt(chance * (1 - chance) / n) + 1e-9).all()
    assert clicks[0] > 0.1
    alone = [s for s in looks if s.clicked[0] and s.clicked.sum() == 1]
    ordered = np.mean([s.ordered == 0 for s in alone])
    expected = order_chance(looks[0].utility[:1])[0]
    assert abs(ordered - expected) < 4.5 * np.sqrt(expected * (1 - expected) / len(alone))
    silent = next(u for u in users if u.silent)
    assert not any(
        look(town.world, silent, visit, wish, answer, turn=0, rng=rng).clicked.any()
        for _ in range(200)
    )


def test_drift_moves_tastes_to_the_trend(town):
    user = town.world.user(5, seed=7, bias=1.0)
    assert town.world.drifted(user, 0.0) is user
    later = town.world.drifted(user, 2.7)
    moved = later.person.likes - user.person.likes
    assert sorted(set(moved.round(6).tolist())) == [0.0, 2.7]

    def share(who):
        rng = np.random.default_rng(1)
        trending = {c for c, on in zip(CATEGORIES, town.world.trend, strict=True) if on}
        foods = [
            make_wish(
                rng,
                likes=who.person.likes,
                dishes=who.dishes,
                slot=1,
                companion="alone",
                budget_won=None,
            ).food
            for _ in range(300)
        ]
        return sum(f in trending for f in foods)

    assert share(later) > 2 * share(user) + 10


def test_a_planted_worse_model_shows_in_the_figures(town, service_of):
    plan = Plan(seed=7, start=MONDAY, users=160, days=1, visits_per_day=2.0, chat_share=0.0)
    figures = {}
    for policy in ("best", "random", "worst"):
        (group,) = figures_of(seen_by(service_of(policy), town.world, plan))
        assert group.group["ranker"] == policy
        figures[policy] = group.figures
    for name in ("ctr", "clicks", "order_rate", "expected_clicks", "satisfaction"):
        best, coin, worst = (figures[p][name] for p in ("best", "random", "worst"))
        assert best.mean > coin.mean > worst.mean, name
    for name in ("ctr", "expected_clicks"):
        assert figures["best"][name].low > figures["random"][name].mean
        assert figures["worst"][name].high < figures["random"][name].mean
    of_coin = figures["random"]
    assert of_coin["expected_clicks"].low < of_coin["expected_if_shuffled"].mean
    assert of_coin["expected_if_shuffled"].mean < of_coin["expected_clicks"].high
    assert of_coin["expected_if_best_first"].mean > of_coin["expected_if_shuffled"].mean
    assert of_coin["expected_if_reversed"].mean < of_coin["expected_if_best_first"].mean


def test_figures_are_apart_by_route_and_arm(town, service_of):
    plan = Plan(seed=7, start=MONDAY, users=40, days=1, visits_per_day=2.0, chat_share=0.3)
    seen = [
        s
        for arm in ("stable", "canary")
        for s in seen_by(service_of(variant=arm, shown=3), town.world, plan)
    ]
    groups = figures_of(seen)
    assert {(g.route, g.group["variant"]) for g in groups} == {
        (route, arm) for route in ("/chat", "/recommendations") for arm in ("stable", "canary")
    }
    assert sum(g.answers for g in groups) == len(seen)
    for each in groups:
        assert all(e.low <= e.mean <= e.high for e in each.figures.values())
    few, many = (
        figures_of(seen_by(service_of(), town.world, replace(plan, users=n)))[0].figures["ctr"]
        for n in (10, 80)
    )
    assert many.high - many.low < few.high - few.low


def test_given_the_same_answers_a_child_does_the_same_and_says_it_is_simulated(town, service_of):
    plan = Plan(seed=7, start=MONDAY, users=60, days=2, chat_share=0.3)
    first, again = service_of("best"), service_of("best")
    seen = seen_by(first, town.world, plan)
    seen_by(again, town.world, plan)
    assert first.calls == again.calls
    keys = Counter()
    known = {s.interaction_id for s in seen}
    for call in first.calls:
        body = call.body
        assert body["user_id"].startswith(PREFIX)
        if call.path == FEEDBACK:
            keys[body["user_id"], body["idempotency_key"]] += 1
            assert body["simulated"] is True
            assert body["interaction_id"] in known
        else:
            assert body["context"]["simulated"] is True
            assert not any(word in body.get("query", body.get("message")) for word in STIGMA)
    assert max(keys.values()) == 1
    kinds = Counter(c.body["feedback_type"] for c in first.calls if c.path == FEEDBACK)
    assert set(kinds) == {"clicked", "ordered", "favorited", "rated"}
    assert kinds["clicked"] > kinds["ordered"] > kinds["rated"]
    assert any("exclude" in c.body for c in first.calls)
    assert any("번" in c.body.get("message", "") for c in first.calls)
    assert max(Counter((s.user, s.time.date(), s.route) for s in seen).values()) <= 4 * MAX_ASKS
    assert set(introduce(town.world.user(1, seed=7, bias=1.0)).body) == {
        "age", "district", "budget_won", "favorite_categories", "dietary", "consent",
    }  # fmt: skip


def test_the_truth_is_a_row_a_shop(town, service_of):
    (seen, *_) = seen_by(
        service_of("best"), town.world, Plan(seed=7, start=MONDAY, users=3, days=3)
    )
    rows = seen.truth()
    assert [r["position"] for r in rows] == list(range(1, 11))
    assert {r["interaction_id"] for r in rows} == {seen.interaction_id}
    for i, row in enumerate(rows):
        assert row["relevance"] == pytest.approx(click_chance(seen.utility[i : i + 1])[0], abs=1e-5)
        assert row["examination"] == pytest.approx(seen.examination[i], abs=1e-5)


def test_another_catalogue_than_the_services_is_named(town, service_of):
    user, visit = next(schedule(town.world, Plan(seed=7, start=MONDAY, users=3, days=3)))
    script = play(town.world, user, visit, seed=7)
    script.send(None)
    answer = {
        "recommendations": [{"shop_id": "S-elsewhere"}],
        "interaction_id": "i",
        "metadata": {},
    }
    with pytest.raises(ConflictError, match=r"S-elsewhere.*--config"):
        script.send(answer)


def test_kilometres_are_the_catalogues_coordinates(town):
    row = int(town.world.town.usable[0])
    latitude, longitude = degrees((town.world.town.x[row], town.world.town.y[row]))
    assert latitude == pytest.approx(float(town.catalog.latitude[row]), abs=1e-4)
    assert longitude == pytest.approx(float(town.catalog.longitude[row]), abs=1e-4)
