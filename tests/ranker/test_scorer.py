"""numpy equals torch; broken artefacts are refused; wishes come before the model."""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog, write_tables
from naviyam.errors import ArtifactError, StaleVersionError
from naviyam.features.build import build_features
from naviyam.features.spec import schema_hash
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.ranker.artifact import WEIGHTS_FILE, ModelCard, file_digests, load_artifact, shapes
from naviyam.ranker.forward import logits, probabilities
from naviyam.ranker.scorer import WideDeepScorer
from naviyam.request import Filters, RequestContext, UserProfile
from naviyam.search import RankRequest
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.planted import planted_ranker
from naviyam.simulation.shops import sample_shops
from training.wide_deep.loop import predict, tensors_of
from training.wide_deep.network import WideDeep

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DIMENSION = 24


class HashEncoder:
    """Deterministic vectors without a model: the scorer's algebra is tested here, not the encoder."""

    name = "test-encoder"
    dimension = DIMENSION

    def __init__(self) -> None:
        self.calls = 0

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += 1
        return np.stack(
            [np.random.default_rng(len(t)).normal(size=DIMENSION) for t in texts]
        ).astype(np.float32)

    encode_passages = encode_queries


@dataclass(frozen=True)
class RankerWorld:
    catalog: Catalog
    behavior: Behavior
    network: WideDeep
    folder: Path


def save_model(folder: Path, network: WideDeep, tables: FeatureTables) -> None:
    tables.save(folder)
    save_file({k: v.numpy() for k, v in tensors_of(network).items()}, folder / WEIGHTS_FILE)
    ModelCard(
        version="v1",
        parent=None,
        base=None,
        dataset_hash="0",
        metrics={},
        feature_schema_hash=schema_hash(),
        encoder="test-encoder",
        encoder_dimension=DIMENSION,
        code_version="test",
        seed=1,
        simulated=True,
        digests=file_digests(folder),
    ).save(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> RankerWorld:
    root = tmp_path_factory.mktemp("ranker")
    (root / "catalog").mkdir()
    (root / "model").mkdir()
    shops, menus = sample_shops(random.Random(5))
    shops = [replace(s, brand="한집" if i % 4 == 0 else s.brand) for i, s in enumerate(shops[:80])]
    kept = {s.shop_id for s in shops}
    users, events = simulate_behavior(shops, [], now=NOW, seed=3, users=12, days=20)
    write_tables(
        root / "catalog", shops, [m for m in menus if m.shop_id in kept], users, events, {}
    )
    catalog = Catalog.load(root / "catalog")
    behavior = Behavior.load(root / "catalog", catalog)
    vocabulary = Vocabulary.of(
        users=behavior.user_ids[:6], shops=catalog.shop_ids[:60], brands=catalog.brands
    )
    torch.manual_seed(0)
    network = WideDeep(vocabulary, query_dimension=DIMENSION, dropout=0.3).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.12)
    tables = FeatureTables(vocabulary=vocabulary, rates=CrossRates.empty(catalog.districts))
    save_model(root / "model", network, tables)
    return RankerWorld(catalog=catalog, behavior=behavior, network=network, folder=root / "model")


def scorer_of(world: RankerWorld, folder: Path | None = None) -> WideDeepScorer:
    return WideDeepScorer.load(
        folder or world.folder,
        catalog=world.catalog,
        behavior=world.behavior,
        encoder=HashEncoder(),
    )


def request_of(
    world: RankerWorld, rows: Sequence[int] = range(40), *, query: str = "배고파", **filters: object
) -> RankRequest:
    n = len(rows)
    rng = np.random.default_rng(n)
    return RankRequest(
        catalog_version=world.catalog.version,
        query=query,
        filters=Filters(**filters),  # type: ignore[arg-type]
        context=RequestContext(
            time=NOW,
            latitude=float(np.nanmean(world.catalog.latitude)),
            longitude=float(np.nanmean(world.catalog.longitude)),
        ),
        profile=world.behavior.profile(world.behavior.user_ids[0]) or UserProfile(user_id="nobody"),
        place=None,
        rows=np.array(rows, np.int32),
        funnel_scores=rng.random((n, 4)).astype(np.float32),
        rag_scores=rng.random(n).astype(np.float32),
    )


def test_numpy_equals_torch(world: RankerWorld) -> None:
    artifact = load_artifact(world.folder)
    for request in (
        request_of(world),
        request_of(world, query=""),
        replace(request_of(world), profile=UserProfile(user_id="stranger")),
    ):
        features = build_features(scorer_of(world).batch_of(request), artifact.tables)
        ours = probabilities(logits(features, artifact.tensors))
        np.testing.assert_allclose(ours, predict(world.network, features), atol=1e-5)
        assert ours.std() > 0.01


def test_shapes_are_those_of_the_network(world: RankerWorld) -> None:
    expected = shapes(load_artifact(world.folder).tables.vocabulary, DIMENSION)
    assert {k: tuple(v.shape) for k, v in world.network.state_dict().items()} == expected


def test_rank_returns_the_order_and_what_was_served(world: RankerWorld) -> None:
    ranked = scorer_of(world).rank(request_of(world), top_k=5)
    assert ranked.order.shape == (5,)
    assert ranked.scores.shape == (40,)
    assert ranked.wide.shape == (40, 50)
    assert ranked.numeric.shape == (40, 10)
    assert ranked.model_version == "model"
    assert ((ranked.scores >= 0) & (ranked.scores <= 1)).all()
    assert ranked.order[0] == ranked.scores.argmax()


def test_no_candidates_and_one_candidate(world: RankerWorld) -> None:
    scorer = scorer_of(world)
    assert scorer.rank(request_of(world, []), top_k=5).order.tolist() == []
    assert scorer.rank(request_of(world, [7]), top_k=5).order.tolist() == [0]
    assert scorer.rank(request_of(world), top_k=0).order.tolist() == []


def test_rows_of_another_catalogue_are_refused(world: RankerWorld) -> None:
    request = replace(request_of(world), catalog_version="other")
    with pytest.raises(StaleVersionError, match="other"):
        scorer_of(world).rank(request, top_k=5)


def test_no_three_of_one_brand_while_there_is_another(world: RankerWorld) -> None:
    catalog = world.catalog
    brand = catalog.brands.index("한집")
    chain = np.flatnonzero(catalog.brand == brand)[:6].tolist()
    other = np.flatnonzero(catalog.brand != brand)[:4].tolist()
    request = request_of(world, chain + other)
    ranked = scorer_of(world).rank(request, top_k=6)
    assert (catalog.brand[request.rows[ranked.order]] == brand).sum() == 2
    alone = scorer_of(world).rank(request_of(world, chain), top_k=6)
    assert len(alone.order) == 6
    assert (np.diff(alone.scores[alone.order]) <= 0).all()


def test_an_explicit_sort_decides_first_and_the_model_breaks_ties(world: RankerWorld) -> None:
    catalog, scorer = world.catalog, scorer_of(world)
    request = request_of(world, range(80), sort="cheapest")
    ranked = scorer.rank(request, top_k=80)
    price = catalog.min_price[request.rows[ranked.order]].astype(float)
    price[price == 0] = np.inf
    assert (np.diff(price[np.isfinite(price)]) >= 0).all()
    assert np.isfinite(price[: np.isfinite(price).sum()]).all()
    scores = ranked.scores[ranked.order]
    tied = np.flatnonzero(price[1:] == price[:-1])
    assert len(tied) > 3
    assert (scores[tied] >= scores[tied + 1]).all()

    ranked = scorer.rank(request_of(world, range(80), sort="nearest"), top_k=80)
    context = request.context
    assert context.latitude is not None
    assert context.longitude is not None
    far = catalog.distance_m(context.latitude, context.longitude)[request.rows[ranked.order]]
    known = far[np.isfinite(far)]
    assert (np.diff(known) > -11).all()

    ranked = scorer.rank(request_of(world, range(80), sort="highest_rated"), top_k=80)
    stars = catalog.rating[ranked.order]
    assert (np.diff(stars[np.isfinite(stars)]) <= 0.01).all()

    ranked = scorer.rank(request_of(world, range(80), sort="popular"), top_k=80)
    assert len(set(ranked.order.tolist())) == 80


def test_open_shops_come_before_unknown_ones(world: RankerWorld) -> None:
    state = world.catalog.open_now(NOW)[:80]
    assert {1, -1} <= set(state.tolist()) or {1, 0} <= set(state.tolist())
    ranked = scorer_of(world).rank(request_of(world, range(80), open_now=True), top_k=80)
    key = np.select([state == 1, state == -1], [0, 1], 2)[ranked.order]
    assert (np.diff(key) >= 0).all()


def test_a_query_is_encoded_once(world: RankerWorld) -> None:
    encoder = HashEncoder()
    scorer = WideDeepScorer.load(
        world.folder, catalog=world.catalog, behavior=world.behavior, encoder=encoder
    )
    first = scorer.rank(request_of(world), top_k=5)
    again = scorer.rank(request_of(world), top_k=5)
    assert encoder.calls == 1
    np.testing.assert_array_equal(first.scores, again.scores)
    scorer.rank(request_of(world, query=""), top_k=5)
    assert encoder.calls == 1


@pytest.fixture
def copy(world: RankerWorld, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.folder, tmp_path / "model"))


def redo_digests(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "model.json").read_text())
    card.update(digests=file_digests(folder), **changes)
    (folder / "model.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    "name", [WEIGHTS_FILE, "vocabulary.json", "cross_rates.safetensors", "model.json"]
)
@pytest.mark.parametrize("keep", [0.0, 0.6])
def test_a_truncated_file_is_refused_and_the_old_scorer_still_ranks(
    world: RankerWorld, copy: Path, name: str, keep: float
) -> None:
    scorer = scorer_of(world, copy)
    before = scorer.rank(request_of(world), top_k=5)
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        scorer_of(world, copy)
    if name != "model.json":
        redo_digests(copy)  # even when the card vouches for the broken file
        with pytest.raises(ArtifactError):
            scorer_of(world, copy)
    after = scorer.rank(request_of(world), top_k=5)
    np.testing.assert_array_equal(before.order, after.order)


@pytest.mark.parametrize(
    "name", [WEIGHTS_FILE, "vocabulary.json", "cross_rates.safetensors", "model.json"]
)
def test_a_missing_file_is_refused(world: RankerWorld, copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactError):
        scorer_of(world, copy)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"feature_schema_hash": "beef"}, "feature schema beef"),
        ({"kind": "lora"}, "'lora'"),
        ({"encoder": "e5"}, "e5"),
        ({"encoder_dimension": 1024}, r"1024|query\.weight"),
    ],
)
def test_a_foreign_card_is_refused(
    world: RankerWorld, copy: Path, changes: dict[str, object], says: str
) -> None:
    redo_digests(copy, **changes)
    with pytest.raises(ArtifactError, match=says):
        scorer_of(world, copy)


@pytest.mark.parametrize("damage", ["shape", "nan", "missing", "dtype"])
def test_wrong_tensors_are_refused(world: RankerWorld, copy: Path, damage: str) -> None:
    tensors = load_file(copy / WEIGHTS_FILE)
    if damage == "shape":
        tensors["user.weight"] = tensors["user.weight"][:-1].copy()
    elif damage == "nan":
        tensors["deep.0.bias"][0] = np.nan
    elif damage == "missing":
        del tensors["wide.weight"]
    else:
        tensors["wide.weight"] = tensors["wide.weight"].astype(np.float64)
    save_file(tensors, copy / WEIGHTS_FILE)
    redo_digests(copy)
    with pytest.raises(ArtifactError):
        scorer_of(world, copy)


def test_probabilities_do_not_overflow() -> None:
    got = probabilities(np.array([-1e4, 0.0, 1e4], np.float32))
    np.testing.assert_allclose(got, [0, 0.5, 1], atol=1e-6)


def test_a_planted_ranker_is_another_turned_around(world: RankerWorld, tmp_path: Path) -> None:
    planted_ranker(world.folder, tmp_path / "planted", reverse=True)
    rows = range(1, 30)
    scores = scorer_of(world).rank(request_of(world, rows), top_k=5).scores
    planted = scorer_of(world, tmp_path / "planted").rank(request_of(world, rows), top_k=5)
    np.testing.assert_allclose(planted.scores, 1 - scores, atol=1e-5)
