"""The initial training: what a sample is, that nothing leaks, that a run ends in a model which serves."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.events import CLICK, FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.clock import FakeClock
from naviyam.errors import ConflictError
from naviyam.features.spec import WIDE, WIDE_INDEX
from naviyam.ranker.artifact import load_artifact
from naviyam.ranker.forward import logits, probabilities
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.settings import Paths, RankerTraining, Settings
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.counts import with_counts
from naviyam.simulation.shops import sample_shops
from training.data import as_of, usual_points, visits_of
from training.wide_deep import dataset, loop
from training.wide_deep.__main__ import main
from training.wide_deep.run import RunResult, run

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OPTIONS = RankerTraining(epochs=4, max_samples=1_200)


class FakeEncoder:
    """Fixed vectors: what is trained here does not depend on which encoder it is."""

    name = "fixed"
    dimension = 16

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.random.default_rng(len(t)).normal(size=self.dimension) for t in texts]
        return np.stack(rows).astype(np.float32)

    encode_passages = encode_queries


@dataclass(frozen=True)
class TrainingWorld:
    settings: Settings
    catalog: Catalog
    behavior: Behavior
    prepared: dataset.Prepared
    result: RunResult


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TrainingWorld:
    settings = Settings(
        paths=Paths(state=tmp_path_factory.mktemp("state")), ranker_training=OPTIONS
    )
    shops, menus = sample_shops(random.Random(5))
    shops = shops[:120]
    kept = {s.shop_id for s in shops}
    menus = [m for m in menus if m.shop_id in kept]
    users, events = simulate_behavior(shops, menus, now=NOW, seed=3, users=80, days=40)
    counted = with_counts(shops, events, ratings=True)
    folder = versions.publish(
        settings.paths.catalog,
        "c1",
        lambda folder: write_tables(folder, counted, menus, users, events, {}),
    )
    catalog = Catalog.load(folder)
    behavior = Behavior.load(folder, catalog)
    return TrainingWorld(
        settings=settings,
        catalog=catalog,
        behavior=behavior,
        prepared=dataset.prepare(catalog, behavior, FakeEncoder(), settings),
        result=run(
            settings, clock=FakeClock(current=NOW), encoder=FakeEncoder(), code_version="test"
        ),
    )


def test_the_run_ends_in_a_model_that_serves_what_was_trained(world: TrainingWorld) -> None:
    root = world.settings.paths.models / "ranker"
    assert versions.current(root) == world.result.folder
    artifact = load_artifact(world.result.folder)
    WideDeepScorer.load(
        world.result.folder,
        catalog=world.catalog,
        behavior=world.behavior,
        encoder=FakeEncoder(),
    )
    trained = loop.train(world.prepared, OPTIONS)
    test = world.prepared.test.features
    ours = probabilities(logits(test, artifact.tensors))
    np.testing.assert_allclose(ours, loop.predict(trained.network, test), atol=1e-5)
    card = artifact.card
    assert card.simulated
    assert card.seed == OPTIONS.seed
    assert card.code_version == "test"
    assert card.dataset_hash == world.prepared.card["hash"]
    assert card.metrics == json.loads(json.dumps(world.result.metrics))


def test_the_same_seed_gives_the_same_weights(world: TrainingWorld) -> None:
    options = OPTIONS.model_copy(update={"epochs": 1})
    one, two = (loop.tensors_of(loop.train(world.prepared, options).network) for _ in range(2))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.numpy(), two[name].numpy())


def test_it_learns_and_says_so_beside_the_baselines(world: TrainingWorld) -> None:
    metrics = world.result.metrics
    assert world.result.losses[-1] < world.result.losses[0]
    assert metrics["auc"] > 0.6
    ranking = metrics["ranking"]
    assert set(ranking) == {"wide_deep", "popularity", "random"}
    assert ranking["wide_deep"]["ndcg_at_5"] > 2 * ranking["random"]["ndcg_at_5"]
    assert {r["groups"] for r in ranking.values()} == {ranking["wide_deep"]["groups"]}


def test_the_data_set_is_on_disk_with_its_card(world: TrainingWorld) -> None:
    card = json.loads((world.result.dataset / "card.json").read_text())
    table = pq.read_table(world.result.dataset / "samples.parquet")
    assert table.num_rows == sum(card["rows"].values())
    assert table["wide"].type.list_size == 50
    assert card["simulated"] is True
    assert card["counts"]["dropped_same_visit"] > 0
    assert card["time_range"][0] < card["cut"] < card["time_range"][1]


def test_the_split_is_by_time_and_the_vocabulary_knows_only_the_past(world: TrainingWorld) -> None:
    train, test = world.prepared.train.samples, world.prepared.test.samples
    assert train.time.max() < test.time.min()
    assert 0.7 < len(train.time) / (len(train.time) + len(test.time)) < 0.9
    known = set(world.prepared.tables.vocabulary.users)
    assert known == {world.behavior.user_ids[u] for u in train.user}


def test_nothing_but_taste_tells_a_positive_from_its_negatives(world: TrainingWorld) -> None:
    s = world.prepared.train.samples
    for session in np.unique(s.session):
        mine = s.take(s.session == session)
        assert mine.label.sum() == 1
        assert 1 <= len(mine.label) - 1 <= 2
        assert len(set(mine.query.tolist())) == len(np.unique(mine.latitude)) == 1
        assert len(set(mine.shop.tolist())) == len(mine.shop)
        found = (mine.funnel_scores > 0).any(axis=1)
        assert found.all() or not found.any()


def test_wishes_are_never_seen_in_the_initial_set_and_keep_their_start(
    world: TrainingWorld,
) -> None:
    wide = world.prepared.train.features.wide
    weight = load_artifact(world.result.folder).tensors["wide.weight"][0]
    wishes = [f for f in WIDE if f.name.startswith("asked_") or "retriev" in f.name]
    assert len(wishes) == 9
    start = np.array([f.start for f in wishes])
    at = np.array([WIDE_INDEX[f.name] for f in wishes])
    assert not wide[:, at].any()
    scale = weight[WIDE_INDEX["retrieval_score"]] / WIDE[WIDE_INDEX["retrieval_score"]].start
    assert scale > 0
    np.testing.assert_allclose(weight[at], start * scale, rtol=1e-5)
    unused = [WIDE_INDEX[f.name] for f in WIDE if f.name.startswith("unused")]
    assert not weight[unused].any()


def test_the_unknown_id_is_trained(world: TrainingWorld) -> None:
    fresh = loop.train(world.prepared, OPTIONS.model_copy(update={"epochs": 0}))
    before = loop.tensors_of(fresh.network)
    after = load_artifact(world.result.folder).tensors
    for table in ("user", "shop"):
        moved = np.abs(after[f"{table}.weight"][0] - before[f"{table}.weight"][0].numpy())
        assert moved.max() > 1e-3


def test_future_behaviour_changes_no_sample_of_the_past(world: TrainingWorld) -> None:
    """Whoever orders what after the cut, the earlier samples' features stay as they are."""
    rng = np.random.default_rng(0)
    behavior, cut = world.behavior, int(world.prepared.train.samples.time.max()) + 1
    later = behavior.time >= cut
    assert later.sum() > 100
    shuffled = behavior.shop.copy()
    shuffled[later] = rng.permutation(shuffled[later])

    def counted(b: Behavior) -> Catalog:
        counts = {
            name: np.bincount(b.shop[b.kind == kind], minlength=world.catalog.size).astype(np.int32)
            for name, kind in (
                ("view_count", VIEW),
                ("order_count", ORDER),
                ("favorite_count", FAVORITE),
                ("review_count", REVIEW),
            )
        }
        return replace(
            world.catalog, rating=np.full(world.catalog.size, np.nan, np.float32), **counts
        )

    plain = dataset.prepare(counted(behavior), behavior, FakeEncoder(), world.settings)
    other = replace(behavior, shop=shuffled)
    changed = dataset.prepare(counted(other), other, FakeEncoder(), world.settings)
    kept = np.intersect1d(plain.train.samples.time, changed.train.samples.time)
    one, two = (p.train.samples.take(np.isin(p.train.samples.time, kept)) for p in (plain, changed))
    np.testing.assert_array_equal(
        one.funnel_scores[one.label > 0], two.funnel_scores[two.label > 0]
    )
    wide = [
        p.train.features.wide[np.isin(p.train.samples.time, kept) & (p.train.samples.label > 0)]
        for p in (plain, changed)
    ]
    counted_ones = [
        WIDE_INDEX[n] for n in ("user_x_shop_affinity", "order_volume", "favorite_volume")
    ]
    assert wide[0][:, counted_ones].any(axis=0).all()
    learned = [WIDE_INDEX[f.name] for f in WIDE if "_x_category" in f.name or "_x_shop_d" in f.name]
    plainly = np.setdiff1d(np.arange(len(WIDE)), learned)  # rates depend on the negatives drawn
    np.testing.assert_allclose(wide[0][:, plainly], wide[1][:, plainly], atol=1e-6)


def behavior_of(world: TrainingWorld, rows: list[tuple[int, int, int, float, int]]) -> Behavior:
    events = Events.from_rows(rows, simulated=True)
    names = ("user", "shop", "kind", "value", "time")
    return replace(world.behavior, **{name: getattr(events, name) for name in names})


def test_a_visit_is_one_positive(world: TrainingWorld) -> None:
    user = int(np.flatnonzero(world.behavior.consent)[0])
    hour = 3_600
    visits, dropped = visits_of(
        world.catalog,
        behavior_of(
            world,
            [
                (user, 5, CLICK, 1.0, 9 * hour),
                (user, 5, FAVORITE, 1.0, 10 * hour),
                (user, 5, ORDER, 7_000.0, 10 * hour + 60),
                (user, 5, REVIEW, 5.0, 20 * hour),
                (user, 5, ORDER, 7_000.0, 100 * hour),
                (user, 6, REVIEW, 2.0, 20 * hour),
                (user, 7, REVIEW, 4.0, 21 * hour),
            ],
        ),
    )
    assert visits.shop.tolist() == [5, 7, 5]
    assert visits.time.tolist() == [10 * hour, 21 * hour, 100 * hour]
    assert visits.weight.tolist() == [2.0, 1.0, 2.0]
    assert dropped["same_visit"] == 2
    assert dropped["review_below_4"] == 1


def test_where_a_user_usually_is_comes_from_the_days_before(world: TrainingWorld) -> None:
    day = 86_400
    shops = np.flatnonzero(np.isfinite(world.catalog.latitude))[:4].astype(np.int32)
    user = np.array([1, 1, 1, 1, 2], np.int32)
    time = np.array([0, 2 * day, 5 * day, 5 * day + 60, 9 * day], np.int64)
    shop = np.array([*shops, shops[0]], np.int32)
    points = usual_points(world.catalog, user, shop, time)
    assert np.isnan(points[[0, 1, 4]]).all()
    middle = np.median(world.catalog.latitude[shops[:2]])
    assert points[2, 0] == points[3, 0] == pytest.approx(middle)


def test_without_consent_nothing_is_learned(world: TrainingWorld) -> None:
    silent = replace(world.behavior, consent=np.zeros(len(world.behavior.user_ids), bool))
    visits, dropped = visits_of(world.catalog, silent)
    assert len(visits.time) == 0
    assert dropped["no_consent"] > 0
    with pytest.raises(ConflictError, match="too few"):
        dataset.collect(world.catalog, silent, world.settings)


def test_as_of_forgets_what_came_later(world: TrainingWorld) -> None:
    first, last = int(world.behavior.time[0]), int(world.behavior.time[-1])
    catalog, behavior = as_of(world.catalog, world.behavior, first)
    assert len(behavior.time) == 0
    assert not catalog.order_count.any()
    catalog, behavior = as_of(world.catalog, world.behavior, last + 1)
    np.testing.assert_array_equal(catalog.order_count, world.catalog.order_count)
    assert len(behavior.time) == len(world.behavior.time)


def test_platt_finds_scale_and_shift() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(size=20_000) * 2
    label = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logit - 1)))).astype(float)
    scale, shift = loop.platt(logit, label)
    assert scale == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(-1, abs=0.05)
    assert loop.platt(np.zeros(0), np.zeros(0)) == (1.0, 0.0)


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"paths:\n  state: {tmp_path / 'none'}\n")
    assert main(["--config", str(config)]) == 1
    assert "nothing is published" in capsys.readouterr().err
    assert main(["--config", str(tmp_path / "no.yaml")]) == 1
    with pytest.raises(SystemExit) as stopped:
        main(["--threads", "0"])
    assert stopped.value.code == 2
