"""The study on simulated behaviour: cold users have no past, nothing leaks into it, position bias is found and undone."""

import random
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.settings import RankerTraining, Settings
from naviyam.simulation.shops import sample_shops
from training.data import Samples, visits_of
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


@pytest.mark.slow
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
    for setting in peers.ITEM_KNN.settings:
        scores = peers.item_knn(seen, 0, **setting)
        assert scores[2, 1] > 0
        assert scores[2, 2] == scores[3, 0] == 0


@pytest.mark.skipif(len(peers.installed()) < 2, reason="the package implicit is not installed")
def test_ials_finds_the_two_crowds() -> None:
    seen = np.kron(np.eye(2), np.ones((6, 5))).astype(np.float32)
    seen[0, 0] = 0
    scores = peers.ials(seen, 1, **peers.IALS.settings[0])
    assert scores[0, 0] > scores[0, 5:].max()


def test_a_peer_is_tuned_on_what_came_before_the_cut_alone(world: World) -> None:
    visits, _ = visits_of(world.catalog, world.behavior)
    users, shops = len(world.behavior.user_ids), world.catalog.size
    cut = int(np.quantile(visits.time, 0.8))
    n = len(visits.time)
    rng = np.random.default_rng(0)
    liked = Samples(
        **{
            f.name: np.zeros(2 * n, np.float32)
            for f in fields(Samples)
            if f.name not in ("user", "shop", "time", "label", "session")
        },
        user=np.repeat(visits.user, 2),
        shop=np.stack([visits.shop, rng.integers(0, shops, n)], 1).ravel().astype(np.int32),
        time=np.repeat(visits.time, 2),
        label=np.tile([1.0, 0.0], n).astype(np.float32),
        session=np.repeat(np.arange(n), 2).astype(np.int32),
    ).take(np.repeat(visits.time < cut, 2))
    shown: list[int] = []

    def score(seen: np.ndarray, seed: int, *, sign: int) -> np.ndarray:
        shown.append(int(seen.sum()))
        return sign * seen

    peer = peers.Peer(name="own", score=score, settings=[{"sign": -1}, {"sign": 1}])
    chosen, scores = peers.fit(peer, visits, cut, liked, users=users, shops=shops, seed=1)
    assert chosen == {"sign": 1}
    assert shown[0] == shown[1] < shown[2]
    assert scores.sum() == peers.visit_matrix(visits, cut, users=users, shops=shops).sum()


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
