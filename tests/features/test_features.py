"""A batch equals row by row, nothing is ever nan, and no feature reads the future."""

import random
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.events import FAVORITE, ORDER, REVIEW
from naviyam.catalog.store import Catalog, write_tables
from naviyam.features.batch import Asks, Gatherer, budget_won, slots_of
from naviyam.features.build import Features, build_features, cells_of
from naviyam.features.history import History, SumsBefore
from naviyam.features.spec import HISTORY_LAG_S, NEUTRAL, WIDE, WIDE_INDEX, WIDE_SIZE, schema_hash
from naviyam.features.tables import Cells, CrossRates, FeatureTables, fit_rates
from naviyam.features.vocabulary import Vocabulary
from naviyam.funnel.contextual import time_of_day
from naviyam.request import CATEGORIES, TIMES_OF_DAY, Filters, Place, RequestContext, UserProfile
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.counts import with_counts
from naviyam.simulation.shops import sample_shops

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Behavior]:
    folder = tmp_path_factory.mktemp("catalog")
    shops, menus = sample_shops(random.Random(3))
    shops = shops[:80]
    kept = {s.shop_id for s in shops}
    menus = [m for m in menus if m.shop_id in kept]
    users, events = simulate_behavior(shops, menus, now=NOW, seed=3, users=25, days=30)
    write_tables(folder, with_counts(shops, events, ratings=True), menus, users, events, {})
    catalog = Catalog.load(folder)
    return catalog, Behavior.load(folder, catalog)


def tables_of(catalog: Catalog, behavior: Behavior) -> FeatureTables:
    rng = np.random.default_rng(0)
    empty = CrossRates.empty(catalog.districts)
    rates = replace(
        empty,
        **{
            name: rng.normal(size=getattr(empty, name).shape).astype(np.float32)
            for name in ("age_category", "slot_category", "weekend_category", "district_pair")
        },
    )
    vocabulary = Vocabulary.of(
        users=behavior.user_ids[:10], shops=catalog.shop_ids[:50], brands=catalog.brands
    )
    return FeatureTables(vocabulary=vocabulary, rates=rates)


def random_asks(rng: np.random.Generator, n: int, behavior: Behavior, catalog: Catalog) -> Asks:
    def integers(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, n).astype(np.int32)

    def maybe_nan(low: float, high: float) -> np.ndarray:
        return np.where(rng.random(n) < 0.3, np.nan, rng.uniform(low, high, n))

    flags = {f"{k}_asked": rng.random(n) < 0.5 for k in ("budget", "near", "open", "card", "good")}
    latitude = maybe_nan(33, 39)
    return Asks(
        time=rng.integers(behavior.time[0] - 9_999, behavior.time[-1] + 9_999_999, n),
        user=integers(-1, len(behavior.user_ids)),
        user_embedding=integers(0, 11),
        age=integers(0, 25),
        district=integers(-1, len(catalog.districts)),
        budget_won=integers(0, 2) * integers(1, 20_000),
        slot=integers(0, 5),
        latitude=latitude,
        longitude=np.where(np.isnan(latitude), np.nan, rng.uniform(126, 130, n)),
        favorite_tags=integers(0, 1 << 14),
        dietary=integers(0, 8),
        category=integers(-1, len(CATEGORIES)),
        **flags,
    )


@cache
def gatherer_of(world: tuple[Catalog, Behavior]) -> tuple[FeatureTables, Gatherer]:
    catalog, behavior = world
    tables = tables_of(catalog, behavior)
    return tables, Gatherer(catalog, History(behavior, catalog), tables)


def features_of(
    world: tuple[Catalog, Behavior],
    asks: Asks,
    rows: np.ndarray,
    scores: np.ndarray,
    state: np.ndarray,
) -> Features:
    tables, gatherer = gatherer_of(world)
    batch = gatherer.batch(
        asks,
        rows,
        funnel_scores=scores,
        rag_scores=scores[:, 0],
        open_now=state,
        query=np.zeros((1, 4), np.float32),
    )
    return build_features(batch, tables)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 12))
def test_a_batch_equals_its_rows_one_by_one_and_is_finite(
    world: tuple[Catalog, Behavior], seed: int, n: int
) -> None:
    catalog, behavior = world
    rng = np.random.default_rng(seed)
    asks = random_asks(rng, n, behavior, catalog)
    rows = rng.integers(0, catalog.size, n).astype(np.int32)
    scores = np.where(rng.random((n, 4)) < 0.5, 0, rng.random((n, 4))).astype(np.float32)
    state = rng.integers(-1, 2, n).astype(np.int32)
    whole = features_of(world, asks, rows, scores, state)
    assert whole.wide.shape == (n, WIDE_SIZE)
    assert np.isfinite(whole.wide).all()
    assert np.isfinite(whole.numeric).all()
    assert whole.numeric.min() >= 0
    assert whole.numeric.max() <= 1
    for i in range(n):
        j = np.array([i])
        one = features_of(world, asks.take(j), rows[j], scores[j], state[j])
        for f in fields(Features):
            if f.name != "query":
                np.testing.assert_array_equal(getattr(one, f.name)[0], getattr(whole, f.name)[i])


def test_one_ask_over_many_candidates_equals_the_ask_repeated(
    world: tuple[Catalog, Behavior],
) -> None:
    catalog, behavior = world
    rng = np.random.default_rng(1)
    ask = random_asks(rng, 1, behavior, catalog)
    rows = np.arange(40, dtype=np.int32)
    scores, state = rng.random((40, 4)).astype(np.float32), np.ones(40, np.int32)
    served = features_of(world, ask, rows, scores, state)
    trained = features_of(world, ask.take(np.zeros(40, np.int64)), rows, scores, state)
    np.testing.assert_array_equal(served.wide, trained.wide)
    np.testing.assert_array_equal(served.numeric, trained.numeric)


def test_changing_or_adding_the_future_changes_no_feature_of_the_past(
    world: tuple[Catalog, Behavior],
) -> None:
    catalog, behavior = world
    rng = np.random.default_rng(2)
    moment = int(np.quantile(behavior.time, 0.6))
    n = 300
    asks = replace(random_asks(rng, n, behavior, catalog), time=np.full(n, moment))
    rows = rng.integers(0, catalog.size, n).astype(np.int32)
    scores, state = np.zeros((n, 4), np.float32), np.zeros(n, np.int32)
    past = behavior.time < moment
    cut = {k: getattr(behavior, k)[past] for k in ("user", "shop", "kind", "value", "time")}
    since = ~past

    def without(count: np.ndarray, kind: int) -> np.ndarray:
        later = np.bincount(behavior.shop[since & (behavior.kind == kind)], minlength=catalog.size)
        return (count - later).astype(np.int32)

    reviews = past & (behavior.kind == REVIEW)
    stars = np.bincount(
        behavior.shop[reviews], weights=behavior.value[reviews], minlength=catalog.size
    )
    count = np.bincount(behavior.shop[reviews], minlength=catalog.size)
    then = replace(
        catalog,
        order_count=without(catalog.order_count, ORDER),
        favorite_count=without(catalog.favorite_count, FAVORITE),
        review_count=without(catalog.review_count, REVIEW),
        rating=np.where(count > 0, stars / np.maximum(count, 1), np.nan).astype(np.float32),
    )
    now = features_of((catalog, behavior), asks, rows, scores, state)
    seen_then = features_of((then, replace(behavior, **cut)), asks, rows, scores, state)
    np.testing.assert_allclose(
        now.numeric, seen_then.numeric, atol=0.004
    )  # ratings have two digits
    np.testing.assert_allclose(now.wide, seen_then.wide, atol=1e-6)


def test_affinity_sees_an_order_only_after_the_lag(world: tuple[Catalog, Behavior]) -> None:
    catalog, behavior = world
    history = History(behavior, catalog)
    first = {}
    for u, s, k, t in zip(behavior.user, behavior.shop, behavior.kind, behavior.time, strict=True):
        if k in (ORDER, FAVORITE):
            first.setdefault((int(u), int(s)), int(t))
    (user, shop), time = next(iter(first.items()))
    at = np.array([time, time + HISTORY_LAG_S, time + HISTORY_LAG_S + 1])
    got = history.shop_affinity(np.full(3, user), np.full(3, shop), at)
    assert got[0] == got[1] == 0
    assert got[2] > 0
    assert history.shop_affinity(np.array([-1]), np.array([shop]), at[2:]) == 0


def test_today_has_the_counts_of_the_catalogue(world: tuple[Catalog, Behavior]) -> None:
    catalog, behavior = world
    rows = np.arange(catalog.size, dtype=np.int32)
    time = np.full(catalog.size, behavior.time[-1] + 10 * HISTORY_LAG_S)
    today = History(behavior, catalog).shop_past(rows, time)
    np.testing.assert_array_equal(today.orders, catalog.order_count)
    np.testing.assert_allclose(today.rating, catalog.rating)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(1, 5)), max_size=30))
def test_sums_before_equal_a_plain_loop(events: list[tuple[int, int, int]]) -> None:
    columns = np.array(events, np.int64).reshape(-1, 3)
    sums = SumsBefore(columns[:, 0], columns[:, 1], columns[:, 2].astype(float))
    for key in range(5):
        for time in (-5, 0, 7, 20, 99):
            before = sum(v for k, t, v in events if k == key and t < time)
            since = sum(v for k, t, v in events if k == key and t >= time)
            assert sums.before(np.array([key]), np.array([time]))[0] == before
            assert sums.since(np.array([key]), np.array([time]))[0] == since


def named(features: Features, name: str) -> np.ndarray:
    return features.wide[:, WIDE_INDEX[name]]


def test_a_request_becomes_the_named_features(world: tuple[Catalog, Behavior]) -> None:
    catalog, behavior = world
    tables = tables_of(catalog, behavior)
    gatherer = Gatherer(catalog, History(behavior, catalog), tables)
    row = int(np.flatnonzero(np.isfinite(catalog.latitude) & (catalog.min_price > 0))[0])
    here = Place(
        name="여기",
        latitude=float(catalog.latitude[row]),
        longitude=float(catalog.longitude[row]),
        radius_m=500,
        level="point",
    )
    asks = gatherer.ask(
        filters=Filters(
            budget_max=int(catalog.min_price[row]),
            sort="nearest",
            dietary=("healthy",),
            category="한식",
        ),
        context=RequestContext(time=NOW),
        profile=UserProfile(user_id=behavior.user_ids[0], age=11),
        place=here,
        user_row=0,
    )
    batch = gatherer.batch(
        asks,
        np.array([row], np.int32),
        funnel_scores=np.array([[0, 0.5, 0, 0]], np.float32),
        rag_scores=np.array([0.7], np.float32),
        open_now=np.array([-1], np.int32),
        query=np.zeros((1, 4), np.float32),
    )
    got = build_features(batch, tables)
    assert named(got, "budget_fit") == 1
    assert named(got, "distance") == pytest.approx(1, abs=0.01)
    assert named(got, "asked_near_x_distance") == pytest.approx(1, abs=0.01)
    assert named(got, "found_by_content") == 1
    assert named(got, "found_by_popularity") == 0
    assert named(got, "score_content") == 0.5
    assert named(got, "retrieval_score") == pytest.approx(0.7)
    assert named(got, "good_influence") in (0, np.float32(0.3))
    assert named(got, "open_known_open") == named(got, "open_known_closed") == 0
    assert cells_of(batch).age_group[0] == 2
    assert cells_of(batch).slot[0] == 1  # noon in Seoul


def test_what_is_unknown_is_neutral(world: tuple[Catalog, Behavior]) -> None:
    catalog, behavior = world
    blank = replace(
        catalog,
        latitude=np.full(catalog.size, np.nan, np.float32),
        rating=np.full(catalog.size, np.nan, np.float32),
        min_price=np.zeros(catalog.size, np.int32),
        mean_price=np.zeros(catalog.size, np.float32),
        hours_per_day=np.full(catalog.size, np.nan, np.float32),
    )
    gatherer = Gatherer(blank, History(behavior, blank), tables_of(blank, behavior))
    asks = gatherer.ask(
        filters=Filters(budget_max=5_000),
        context=RequestContext(time=NOW),
        profile=UserProfile(user_id="nobody"),
        place=None,
        user_row=-1,
    )
    state = np.zeros(blank.size, np.int32)
    none = np.zeros((blank.size, 4), np.float32)
    got = features_of((blank, behavior), asks, np.arange(blank.size, dtype=np.int32), none, state)
    for name in ("budget_fit", "distance", "rating_above_3_5", "price_low"):
        assert (named(got, name) == NEUTRAL).all()
    for name in (
        "user_x_shop_affinity",
        "user_x_category_affinity",
        "user_district_x_shop_district",
    ):
        assert (named(got, name) == 0).all()
    assert (got.user == 0).all()


def test_without_consent_a_user_is_nobody(world: tuple[Catalog, Behavior]) -> None:
    catalog, behavior = world
    gatherer = Gatherer(catalog, History(behavior, catalog), tables_of(catalog, behavior))
    asks = gatherer.ask(
        filters=Filters(),
        context=RequestContext(time=NOW),
        profile=UserProfile(user_id=behavior.user_ids[0], consent=False),
        place=None,
        user_row=0,
    )
    assert asks.user[0] == -1
    assert asks.user_embedding[0] == 0


def test_rates_are_smoothed_and_neutral_where_nothing_was_seen() -> None:
    n = 400
    zeros = np.zeros(n, np.int32)
    batch_cells = {"slot": zeros, "weekend": zeros, "shop_district": zeros}
    label = np.repeat([1.0, 0.0], n // 2).astype(np.float32)
    category = np.repeat([0, 1], n // 2).astype(np.int32)
    rates = fit_rates(
        Cells(age_group=zeros + 1, user_district=zeros - 1, category=category, **batch_cells),
        label,
        np.ones(n, np.float32),
        ("가", "나"),
    )
    assert 0.3 < rates.age_category[1, 0] < 0.5
    assert rates.age_category[1, 1] == pytest.approx(-rates.age_category[1, 0])
    assert rates.age_category[1, 2] == 0
    assert not rates.age_category[0].any()
    assert not rates.district_pair.any()


def test_the_schema_is_whole() -> None:
    assert len(WIDE) == WIDE_SIZE == 50
    assert len({f.name for f in WIDE}) == 50
    assert [f.name for f in WIDE[:9]] == [
        "age_group_x_category",
        "user_district_x_shop_district",
        "time_of_day_x_category",
        "user_x_shop_affinity",
        "budget_fit",
        "distance",
        "dietary_match",
        "good_influence",
        "rating_above_3_5",
    ]
    assert [f.name for f in WIDE[9:13]] == [
        "found_by_collaborative",
        "found_by_content",
        "found_by_contextual",
        "found_by_popularity",
    ]
    assert len(schema_hash()) == 16


def test_times_of_day_are_those_of_the_contextual_funnel() -> None:
    times = np.arange(24) * 3_600
    names = [time_of_day(datetime.fromtimestamp(t, UTC)) for t in times.tolist()]
    assert [TIMES_OF_DAY[i] for i in slots_of(times)] == names
    assert set(names) == set(TIMES_OF_DAY)


def test_what_was_said_comes_before_the_profile() -> None:
    profile = UserProfile(user_id="u", budget_won=9_000)
    assert budget_won(Filters(budget_max=5_000), profile) == 5_000
    assert budget_won(Filters(), profile) == 9_000
    assert budget_won(Filters(), UserProfile(user_id="u")) is None


def test_tables_survive_the_disk(world: tuple[Catalog, Behavior], tmp_path: Path) -> None:
    tables = tables_of(*world)
    tables.save(tmp_path)
    again = FeatureTables.load(tmp_path)
    assert again.vocabulary == tables.vocabulary
    assert again.rates.districts == tables.rates.districts
    np.testing.assert_array_equal(again.rates.district_pair, tables.rates.district_pair)
    assert again.good_influence_weight == pytest.approx(0.3)
