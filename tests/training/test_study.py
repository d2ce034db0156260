"""The study on simulated behaviour: cold users have no past, nothing leaks into it, position bias is found and undone."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.settings import RankerTraining, Settings
from naviyam.simulation.shops import sample_shops
from training.data import visits_of
from training.wide_deep import peers, position
from training.wide_deep.study import study
from training.wide_deep.world import World, make_world


class FakeEncoder:
    name = "fixed"
    dimension = 8

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), self.dimension), np.float32)

    encode_passages = encode_queries


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    shops, menus = sample_shops(random.Random(5))
    shops = shops[:80]
    kept = {s.shop_id for s in shops}
    (folder / "c").mkdir()
    write_tables(
        folder / "c",
        shops,
        [m for m in menus if m.shop_id in kept],
        (),
        Events.from_rows([], simulated=True),
        {},
    )
    return make_world(Catalog.load(folder / "c"), folder / "w", users=50, seed=4)


def test_cold_users_have_no_past_and_their_counts_are_gone(world: World) -> None:
    visits, _ = visits_of(world.catalog, world.behavior)
    cut = np.quantile(visits.time, 0.8)
    early = visits.time < cut
    assert world.cold.sum() == 8
    assert world.cold[visits.user[~early]].any()
    assert world.cold[visits.user[early]].sum() <= 2
    orders = np.bincount(
        world.behavior.shop[world.behavior.kind == 2], minlength=world.catalog.size
    )
    assert world.catalog.order_count.sum() == orders.sum()


def test_people_order_what_they_truly_like(world: World) -> None:
    visits, _ = visits_of(world.catalog, world.behavior)
    everything = np.arange(world.catalog.size)
    above = [
        world.tastes.utility(int(u), np.array([s]))[0]
        > np.median(world.tastes.utility(int(u), everything))
        for u, s in zip(visits.user, visits.shop, strict=True)
    ]
    assert np.mean(above) > 0.8


def test_the_study_holds_every_system_over_the_same_lists(world: World) -> None:
    settings = Settings(ranker_training=RankerTraining(epochs=2, max_samples=600))
    found = study(world, FakeEncoder(), settings, ablations=False)
    systems = found["systems"]
    assert {"random", "popularity", "content", "item_knn", "funnels_mean", "wide_deep"} <= set(
        systems
    )
    assert len({row["groups"] for row in systems.values()}) == 1
    assert systems["wide_deep"]["ndcg_at_5"] > systems["random"]["ndcg_at_5"]
    past = found["by_past"]
    assert past["cold"]["lists"] + past["known"]["lists"] == found["lists"]
    assert sum(rows for _, _, rows in found["calibration"]) == found["rows"]["test"]


def test_item_knn_knows_what_goes_together() -> None:
    seen = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    scores = peers.item_knn(seen)
    assert scores[2, 1] > 0
    assert scores[2, 2] == scores[3, 0] == 0


def test_the_look_rate_is_found_from_shuffled_lists_whatever_the_policy_shows_first() -> None:
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(150), 20)
    liking = rng.random(len(sessions)) * 0.6
    shown = position.show(
        sessions, liking.astype(np.float32), liking, np.ones(len(sessions), bool), rng
    )
    assert 0.05 < shown.shuffled.mean() < 0.15
    found = position.estimate(shown)
    np.testing.assert_allclose(found, np.arange(1, 11) ** -position.BIAS, atol=0.12)
    rate = [shown.clicked[shown.position == p].mean() for p in (1, 10)]
    assert rate[1] < rate[0] * found[9]  # the policy shows better shops first, on top of the looks
