"""The figures of retrieval: metrics by hand, labels as rules, and what a filter does to each way of searching."""

import json

import numpy as np
import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.errors import ArtifactError, InputError
from naviyam.evaluation.index_scale import grown, measure
from naviyam.evaluation.labelled import load_set
from naviyam.evaluation.retrieval import Quality, by_kind, compared, interval, quality
from naviyam.evaluation.retrieval_set import LabelledQuery, Rule, grades, load_queries, read_query
from naviyam.request import CATEGORIES, Filters
from naviyam.settings import Retrieval


def test_quality_by_hand():
    grade = np.array([2, 1, 0, 0, 2], np.int8)
    found = quality(np.array([2, 0, 1], np.int32), grade)
    gained = 3 / np.log2(3) + 1 / np.log2(4)
    ideal = 3 / np.log2(2) + 3 / np.log2(3) + 1 / np.log2(4)
    assert found.recall_at_20 == pytest.approx(2 / 3)
    assert found.ndcg_at_10 == pytest.approx(gained / ideal)
    assert (found.mrr, found.found) == (0.5, 3)


def test_recall_counts_what_twenty_places_can_hold():
    grade = np.ones(300, np.int8)
    assert quality(np.arange(20, dtype=np.int32), grade).recall_at_20 == 1.0
    assert quality(np.arange(10, dtype=np.int32), grade).recall_at_20 == 0.5
    assert quality(np.empty(0, np.int32), grade).ndcg_at_10 == 0.0


def of(ndcg):
    return Quality(recall_at_20=ndcg, ndcg_at_10=ndcg, mrr=ndcg, found=20)


def test_a_paired_difference_is_surer_than_two_means():
    rng = np.random.default_rng(1)
    base = rng.random(60)
    systems = {"old": [of(x) for x in base], "new": [of(x + 0.05) for x in base]}
    mean, low, high = compared(systems, against="old", metric="ndcg_at_10")["new"]
    assert (mean, low, high) == (0.05, 0.05, 0.05)
    alone = interval(base)
    assert alone.low < alone.mean < alone.high
    assert by_kind(systems, ["a"] * 30 + ["b"] * 30, "mrr")[0][:2] == ("a", 30)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog") / "v1"
    folder.mkdir()
    rows = [
        ("반점", "중식", "춘천시", MealCard.YES, (("자장면", 5_000), ("짬뽕", 8_000))),
        ("짜장나라", "중식", "홍천군", MealCard.UNKNOWN, ()),
        ("밥집", "한식", "춘천시", MealCard.NO, (("백반", 7_000),)),
        ("짜장호프", "중식", "춘천시", MealCard.YES, (("짜장면", 4_000),)),
    ]
    shops, menus = [], []
    for at, (name, category, sigungu, card, own) in enumerate(rows):
        shop_id = f"s{at}"
        shops.append(
            Shop(
                shop_id=shop_id, name=name, category=category, tags=(category,), sigungu=sigungu,
                meal_card=card, serves_alcohol_mainly=name.endswith("호프"),
            )
        )  # fmt: skip
        menus += [
            Menu(menu_id=f"{shop_id}-{n}", shop_id=shop_id, name=menu, price_won=won)
            for n, (menu, won) in enumerate(own)
        ]
    write_tables(folder, shops, menus, [], Events.from_rows([], simulated=True), {})
    return Catalog.load(folder)


def asked(*rules, **more):
    return LabelledQuery(
        id="q", kind="dish", split="dev", text="", query="", filters=Filters(), rules=rules, **more
    )


DISH, KIND = Rule(grade=2, food=("짜장",)), Rule(grade=1, kind=("중식",))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (asked(DISH, KIND), [2, 2, 0, 0]),
        (asked(Rule(grade=2, menu=("짜장",)), KIND), [2, 1, 0, 0]),
        (asked(Rule(grade=2, name=("짜장",)), KIND), [1, 2, 0, 0]),
        (asked(Rule(grade=1, kind=("중식",), no=("짬뽕",))), [0, 1, 0, 0]),
        (asked(DISH, KIND, place=("춘천시",)), [2, 0, 0, 0]),
        (asked(DISH, KIND, card=True), [2, 0, 0, 0]),
        (asked(Rule(grade=2, food=("짬뽕",)), Rule(grade=1, kind=("한식",)), max_won=7_000), [0, 0, 1, 0]),
    ],
)  # fmt: skip
def test_labels_are_rules_over_a_shops_own_facts(catalog, query, expected):
    assert grades(query, catalog).tolist() == expected


def test_the_labelled_queries_are_whole():
    queries, version = load_queries()
    assert version.startswith("1-")
    assert len(queries) >= 120
    assert len({q.id for q in queries}) == len({q.text for q in queries}) == len(queries)
    share = sum(q.split == "test" for q in queries) / len(queries)
    assert 0.38 <= share <= 0.42
    for query in queries:
        assert query.split in ("dev", "test")
        assert max(rule.grade for rule in query.rules) == 2
        assert all(rule.food or rule.menu or rule.name or rule.kind for rule in query.rules)
        assert all(kind in CATEGORIES for rule in query.rules for kind in rule.kind)
        assert bool(query.place) == bool(query.filters.location)
        assert (query.max_won or None) == query.filters.budget_max


def test_a_broken_set_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"set": "b", "version": 1}) + "\n")
    with pytest.raises(ArtifactError, match="'b'"):
        load_set("a", tmp_path)
    with pytest.raises(ArtifactError, match="no labelled set"):
        load_set("c", tmp_path)
    record = {"id": "r", "kind": "dish", "split": "dev", "text": "", "query": ""}
    with pytest.raises(InputError, match="fod"):
        read_query({**record, "relevant": [{"grade": 2, "fod": ["x"]}]})
    with pytest.raises(InputError, match="won"):
        read_query({**record, "must": {"won": 1}, "relevant": []})


def test_indexes_are_measured_and_only_filtering_afterwards_starves():
    rng = np.random.default_rng(3)
    base = rng.standard_normal((400, 16)).astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    vectors = grown(base, 1_500, seed=5)
    assert np.array_equal(vectors, grown(base, 1_500, seed=5))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    found = measure(vectors, base[:10], Retrieval(direct_up_to=100), seed=5)
    assert [b.kind for b in found.built] == ["exact", "hnsw", "ivf"]
    assert all(b.recall_at_20 >= 0.95 for b in found.built)
    for one in found.filtered:
        if one.strategy == "service":
            assert one.least_found == 20
            assert one.recall_at_20 >= 0.9
    assert min(f.least_found for f in found.filtered if f.strategy == "after") < 20
