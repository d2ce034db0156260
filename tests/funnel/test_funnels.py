from datetime import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from naviyam.catalog.hours import every_day, to_json
from naviyam.catalog.types import Shop
from naviyam.clock import SEOUL
from naviyam.errors import StaleVersionError
from naviyam.funnel.collaborative import Collaborative
from naviyam.funnel.contextual import slot_fit, time_of_day
from naviyam.funnel.merge import _take_turns
from naviyam.funnel.popularity import popularity
from naviyam.request import CATEGORIES, TIMES_OF_DAY, UserProfile
from naviyam.search import FUNNELS
from naviyam.settings import Funnel

COLLABORATIVE, CONTENT, CONTEXTUAL, POPULARITY = range(4)
FRIENDS = [
    # 0 and 1 like the same; 2 likes something else; 3 has done nothing.
    (0, 1, "order", 8_000, 300), (0, 2, "favorite", 1, 301), (1, 1, "order", 8_000, 302),
    (1, 2, "review", 5, 303), (1, 9, "order", 8_000, 304), (2, 20, "order", 8_000, 305),
    (2, 9, "review", 1, 306),
]  # fmt: skip


def people(*consents):
    return [UserProfile(user_id=f"u_{i}", consent=c) for i, c in enumerate(consents)]


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_merged_candidates_fit_are_distinct_and_scored_in_0_to_1(village_run, data):
    filters = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "category": st.sampled_from(["한식", "치킨"]), "payment_method": st.just("meal_card"),
                "open_now": st.just(True), "exclude": st.just(("카페",)),
                "time_of_day": st.sampled_from(TIMES_OF_DAY),
            },
        )
    )  # fmt: skip
    profile = UserProfile(user_id=data.draw(st.sampled_from(["u_0", "u_3", "u_new"])))
    found = village_run(profile=profile, **filters)
    catalog = village_run.catalog
    assert len(set(found.rows.tolist())) == len(found.rows) <= 20
    assert found.scores.shape == (len(found.rows), len(FUNNELS))
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.scores.max(axis=1) > 0).all()
    assert (np.diff(found.scores.sum(axis=1)) <= 1e-6).all()
    assert not catalog.alcohol[found.rows].any()
    if "category" in filters:
        assert (catalog.category[found.rows] == CATEGORIES.index(filters["category"])).all()
    if "payment_method" in filters:
        assert (catalog.meal_card[found.rows] == 1).all()
    if "exclude" in filters:
        assert (catalog.category[found.rows] != CATEGORIES.index("카페")).all()


@pytest.fixture
def village_run(gather):
    return gather(users=people(True, True, True, True), events=FRIENDS)


def test_no_funnel_starves(gather):
    found = gather(users=people(True, True, True, True), events=FRIENDS)(
        profile=UserProfile(user_id="u_0")
    )
    assert len(found.rows) == 20
    assert (found.scores > 0).any(axis=0).all()


def test_turns_are_fair_and_end():
    lists = [[1, 2, 3], [], [1, 4], [5]]
    found = tuple((np.array(rows, np.int32), np.ones(len(rows), np.float32)) for rows in lists)
    assert _take_turns(found, 4).tolist() == [1, 4, 5, 2]
    assert _take_turns(found, 99).tolist() == [1, 4, 5, 2, 3]


@pytest.mark.parametrize("profile", [UserProfile(user_id="u_3"), UserProfile(user_id="u_unknown")])
def test_a_cold_user_is_served_without_the_collaborative_funnel(gather, profile):
    found = gather(users=people(True, True, True, True), events=FRIENDS)(profile=profile)
    assert len(found.rows) == 20
    assert (found.scores[:, COLLABORATIVE] == 0).all()


def test_no_consent_no_collaborative_funnel(gather):
    run = gather(users=people(True, True, True, True), events=FRIENDS)
    with_consent = run(profile=UserProfile(user_id="u_0"))
    without = run(profile=UserProfile(user_id="u_0", consent=False))
    assert (with_consent.scores[:, COLLABORATIVE] > 0).any()
    assert (without.scores[:, COLLABORATIVE] == 0).all()


def test_who_is_alike_and_what_they_like(load):
    catalog, behavior = load(users=people(True, True, True, True), events=FRIENDS)
    scores = Collaborative(behavior, catalog.size).scores("u_0")
    assert scores[9] > 0  # what the like-minded user ordered
    assert scores[20] == 0  # what a stranger ordered
    assert ((scores >= 0) & (scores <= 1)).all()
    # Against the plain formula: users as dense vectors of log2(1 + orders) + 1.5 * favourite + (stars - 3) / 2.
    likes = np.zeros((4, catalog.size))
    likes[0, [1, 2]] = 1.0, 1.5
    likes[1, [1, 2, 9]] = 1.0, 1.0, 1.0
    likes[2, 20] = 1.0
    unit = likes / np.maximum(np.linalg.norm(likes, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit[0]
    cosine[0] = 0
    assert np.allclose(scores, cosine @ unit / (cosine.sum() + 2.0), atol=1e-6)


def test_nothing_is_learned_from_who_does_not_consent(load):
    catalog, behavior = load(users=people(True, False, True, True), events=FRIENDS)
    assert Collaborative(behavior, catalog.size).scores("u_0") is None


def test_popularity_formula_and_decay(load):
    events = [
        (0, 1, "view", 1, 340), (0, 2, "order", 8_000, 340), (0, 3, "order", 8_000, 370), (0, 4, "click", 1, 370)
    ]  # fmt: skip
    catalog, behavior = load(users=people(True), events=events)
    scores = popularity(catalog, behavior, Funnel(half_life_days=30, smoothing=5))
    used = np.zeros(catalog.size)
    used[[1, 2, 3]] = 0.4 * 0.5, 0.6 * 0.5, 0.6
    assert np.allclose(scores, used / (used + 5), atol=1e-6)


def test_popularity_falls_back_to_the_shops_counts(gather, load):
    run = gather(behavior=False)
    found = run()
    best = found.rows[found.scores[:, POPULARITY].argmax()]
    assert best == 0  # 0.6 orders outweigh 0.4 views
    assert (found.scores[:, COLLABORATIVE] == 0).all()


def test_content_prefers_what_is_known_to_fit(gather):
    run = gather()
    found = run(profile=UserProfile(user_id="u", favorite_categories=("분식",)))
    scores = dict(zip(found.rows.tolist(), found.scores[:, CONTENT].tolist(), strict=True))
    snack_with_card = [s for r, s in scores.items() if r % 4 == 1 and r % 3]
    assert snack_with_card
    assert max(scores.values()) == pytest.approx(1.0) == pytest.approx(max(snack_with_card))
    others = [s for r, s in scores.items() if r % 4 != 1]
    assert max(others) < 1.0


def test_context_hour_distance_and_closing(gather):
    day, night = to_json(every_day((600, 1_200))), to_json(every_day((1_200, 1_500)))
    shops = [
        Shop(shop_id=f"s{i}", name=f"가게{i}", category=c, tags=(c,), hours=h, longitude=127.737, latitude=37.873 + far)
        for i, (c, h, far) in enumerate(
            (("한식", day, 0.0), ("한식", day, 0.01), ("카페", day, 0.0), ("한식", night, 0.0), ("한식", "", 0.0))
        )
    ]  # fmt: skip
    run = gather(shops=shops)
    found = run()
    score = dict(zip(found.rows.tolist(), found.scores[:, CONTEXTUAL].tolist(), strict=True))
    assert score[0] == 1.0
    assert score[0] > score[4] > score.get(3, 0.0) == 0.0
    assert score[0] > score[1]
    assert score[0] > score[2]


@pytest.mark.parametrize(
    ("hour", "slot"),
    [(0, "late_night"), (5, "breakfast"), (11, "lunch"), (14, "after_school"), (17, "dinner"), (21, "late_night")],
)  # fmt: skip
def test_time_of_day(hour, slot):
    assert time_of_day(datetime(2026, 11, 20, hour, tzinfo=SEOUL)) == slot


def test_observed_orders_move_the_fit_of_an_hour(load):
    # Noon of day 300: everybody orders from cafés (s03), in the evening from chicken shops (s02).
    events = [(0, 3, "order", 5_000, 300)] * 300 + [(0, 2, "order", 5_000, 300.3)] * 300
    catalog, behavior = load(users=people(True), events=events)
    before, after = slot_fit(catalog, None), slot_fit(catalog, behavior)
    lunch, cafe = TIMES_OF_DAY.index("lunch"), CATEGORIES.index("카페")
    assert after[lunch, cafe] > before[lunch, cafe]
    assert ((after >= 0) & (after <= 1)).all()


def test_version_must_agree(gather):
    with pytest.raises(StaleVersionError, match="v0"):
        gather()(version="v0")


def test_empty_catalogue(gather):
    found = gather(shops=[])()
    assert found.rows.shape == (0,)
    assert found.scores.shape == (0, 4)
