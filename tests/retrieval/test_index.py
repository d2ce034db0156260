import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.errors import ArtifactError, ConfigError, ConflictError, NotFoundError
from naviyam.retrieval.ann import faiss
from naviyam.retrieval.dense import Dense, index_kind, top, uses_gpu
from naviyam.retrieval.fusion import fuse
from naviyam.retrieval.index import Index, ensure_index
from naviyam.retrieval.lexical import Lexical, document_terms
from naviyam.settings import Retrieval


def some_vectors(n, d=16, seed=1):
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_flat_search_is_exact_under_any_filter(share):
    vectors = some_vectors(3_000)
    mask = np.random.default_rng(2).random(3_000) < share
    rows, scores = Dense(vectors, Retrieval()).search(vectors[5], mask, 20)
    similar = np.where(mask, vectors @ vectors[5], -np.inf)
    assert rows.tolist() == np.argsort(-similar, kind="stable")[: min(20, mask.sum())].tolist()
    assert np.allclose(scores, similar[rows], atol=1e-5)


KINDS = {
    "exact": {},
    "hnsw": {"exact_up_to": 100},
    "ivf": {"exact_up_to": 100, "ivf_from": 200},
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def searched(request, tmp_path_factory):
    """Vectors, and an index of every kind over them, as built and as loaded again."""
    settings = Retrieval(direct_up_to=30, **KINDS[request.param])
    vectors = some_vectors(4_000)
    folder = tmp_path_factory.mktemp("dense")
    built = Dense(vectors, settings)
    built.save(folder)
    loaded = Dense.load(folder, settings)
    assert built.kind == loaded.kind == request.param
    return vectors, (built, loaded)


@pytest.mark.parametrize("allowed", [20, 41, 2_000, 4_000])
def test_no_filter_starves_any_index(searched, allowed):
    vectors, indexes = searched
    mask = np.zeros(4_000, np.bool_)
    mask[np.random.default_rng(allowed).choice(4_000, allowed, replace=False)] = True
    for index in indexes:
        rows, scores = index.search(vectors[5], mask, 20)
        assert len(set(rows.tolist())) == 20
        assert mask[rows].all()
        assert np.allclose(scores, vectors[rows] @ vectors[5], atol=1e-5)
        assert (np.diff(scores) <= 0).all()


def test_a_filter_against_the_query_gets_its_best(searched):
    vectors, indexes = searched
    similar = vectors @ vectors[5]
    mask = similar < np.median(similar) - 0.2
    best = np.flatnonzero(mask)[top(similar[mask], 20)]
    for index in indexes:
        rows, _ = index.search(vectors[5], mask, 20)
        assert np.isin(rows, best).mean() >= 0.8


def test_the_index_is_chosen_by_size():
    settings = Retrieval(exact_up_to=10, ivf_from=20)
    assert [index_kind(n, settings) for n in (10, 11, 19, 20)] == ["exact", "hnsw", "hnsw", "ivf"]


def test_an_approximate_index_of_another_size_is_refused(tmp_path):
    settings = Retrieval(exact_up_to=10)
    Dense(some_vectors(300), settings).save(tmp_path)
    np.save(tmp_path / "embeddings.npy", some_vectors(200))
    with pytest.raises(ArtifactError, match="300 rows in the hnsw index, 200 vectors"):
        Dense.load(tmp_path, settings)
    (tmp_path / "ann.faiss").unlink()
    with pytest.raises(ArtifactError, match="no readable index"):
        Dense.load(tmp_path, settings)


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 30))
def test_top_is_a_stable_sort(values, k):
    scores = np.array(values, np.float32)
    assert top(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


@given(st.lists(st.lists(st.integers(0, 20), unique=True, max_size=15), max_size=4))
def test_fused_scores_lie_in_0_to_1_and_every_row_comes_once(lists):
    rankings = [(np.array(rows, np.int32), 1.0 + i) for i, rows in enumerate(lists)]
    rows, scores = fuse(rankings, k=60.0)
    assert sorted(rows.tolist()) == sorted(set().union(*lists))
    assert ((scores > 0) & (scores <= 1)).all()
    assert (np.diff(scores) <= 0).all()


def test_lexical_finds_words_and_parts_of_names():
    names = ["행복한짜장면집", "명동칼국수", "둘둘치킨"]
    index = Lexical.build(document_terms(f"{n}. 한식", n) for n in names)
    every = np.ones(3, np.bool_)
    for query, row in (("짜장면 먹고 싶어", 0), ("칼국수", 1), ("치킨집", 2)):
        assert index.search(query, every, 5)[0][0] == row
    assert len(index.search("칼국수", np.array([True, False, True]), 5)[0]) == 0
    assert len(index.search("우주선", every, 5)[0]) == 0


@pytest.mark.parametrize(
    ("query", "row"),
    [("칼국쑤", 1), ("뜨끈한 국물", 1), ("바삭한 거", 2), ("매콤한 면", 3), ("뜨끈한 짜장면", 0)],
)
def test_lexical_reads_moods_and_misspelt_words(query, row):
    menus = ["짜장면", "손칼국수", "후라이드치킨", "비빔국수"]
    index = Lexical.build(document_terms(m, f"가게{i}", [m]) for i, m in enumerate(menus))
    assert index.search(query, np.ones(4, np.bool_), 4)[0][0] == row


def test_a_known_word_is_not_corrected():
    index = Lexical.build(
        [document_terms("한식. 보양식당", "보양식당"), document_terms("국수", "양식")]
    )
    assert index.read("보양식").sentence.startswith("보양식")
    assert dict(index.read("국수").terms)["국수"] == 1.0


def test_lexical_of_nothing_answers_nothing():
    assert len(Lexical.build([]).search("밥", np.zeros(0, np.bool_), 5)[0]) == 0


def test_saved_index_answers_the_same(town_catalog, encoder, settings, tmp_path):
    built = ensure_index(tmp_path, town_catalog, encoder, settings.retrieval)
    again = ensure_index(tmp_path, town_catalog, encoder, settings.retrieval)
    assert again.card == built.card
    assert isinstance(again.dense.vectors, np.memmap)
    mask = np.ones(town_catalog.size, np.bool_)
    query = encoder.encode_queries(["매콤한 떡볶이"])[0]
    assert (built.dense.search(query, mask, 9)[0] == again.dense.search(query, mask, 9)[0]).all()
    assert built.lexical.search("떡볶이", mask, 9)[1].tolist() == pytest.approx(
        again.lexical.search("떡볶이", mask, 9)[1].tolist()
    )
    with pytest.raises(ConflictError):
        built.save(tmp_path, settings.retrieval)


class OtherEncoder:
    name, dimension = "other", 512

    def encode_queries(self, texts):
        raise AssertionError

    encode_passages = encode_queries


def test_foreign_or_broken_index_is_refused(
    town_catalog, make_catalog, kit, encoder, settings, tmp_path
):
    settings = settings.retrieval
    folder = Index.build(town_catalog, encoder, settings).save(tmp_path, settings)
    other = make_catalog([kit.shop("a", "가게")], version="v2")
    with pytest.raises(NotFoundError, match="v2"):
        Index.open(tmp_path, other, encoder, settings)
    with pytest.raises(ArtifactError, match="catalogue version 'v1', here it is 'v2'"):
        Index.load(folder, other, encoder, settings)
    with pytest.raises(ArtifactError, match=r"retrieval\.encoder"):
        Index.load(folder, town_catalog, OtherEncoder(), settings)
    with pytest.raises(ArtifactError, match="query_prefix"):
        Index.load(
            folder, town_catalog, encoder, settings.model_copy(update={"query_prefix": "query: "})
        )
    vectors = folder / "embeddings.npy"
    vectors.write_bytes(vectors.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match=r"embeddings\.npy"):
        Index.load(folder, town_catalog, encoder, settings)
    (folder / "card.json").write_text(json.dumps({"rows": 3}))
    with pytest.raises(ArtifactError, match="whole index"):
        Index.load(folder, town_catalog, encoder, settings)


@pytest.mark.parametrize(
    ("device", "count", "gpus", "expected"),
    [
        ("auto", 10, 0, False),
        ("auto", 10, 1, True),
        ("auto", 1_000, 1, False),
        ("gpu", 1_000, 1, True),
        ("gpu", 0, 1, False),
        ("cpu", 10, 1, False),
    ],
)
def test_a_gpu_is_used_where_asked_for_or_where_the_search_is_exact(device, count, gpus, expected):
    assert uses_gpu(count, Retrieval(device=device, exact_up_to=100), gpus=gpus) is expected


def test_a_gpu_that_is_not_there_is_an_error_that_says_what_to_do():
    with pytest.raises(ConfigError, match="num_gpus"):
        uses_gpu(10, Retrieval(device="gpu"), gpus=0)
    if not hasattr(faiss, "get_num_gpus") or not faiss.get_num_gpus():
        with pytest.raises(ConfigError, match=r"retrieval\.device"):
            Dense(some_vectors(10), Retrieval(device="gpu"))


class FlatLikeAGpu:
    """Answers as FAISS's flat GPU index does: the best of all rows, without a filter."""

    def __init__(self, vectors):
        self.vectors, self.asked = vectors, 0

    def search(self, queries, k):
        self.asked += 1
        scores = queries @ self.vectors.T
        rows = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows


@pytest.mark.parametrize("allowed", [5_000, 40])
def test_what_a_gpu_search_cannot_filter_is_searched_again(allowed):
    vectors = some_vectors(5_000)
    gpu = FlatLikeAGpu(vectors)
    dense = Dense(vectors, Retrieval(device="gpu", exact_up_to=10_000), gpu=gpu)
    plain = Dense(vectors, Retrieval(device="cpu", exact_up_to=10_000))
    mask = np.zeros(5_000, bool)
    worst = np.argsort(vectors @ vectors[0])[:allowed]
    mask[worst] = True
    rows, scores = dense.search(vectors[0], mask, 10)
    expected, cosines = plain.search(vectors[0], mask, 10)
    assert gpu.asked == 1
    assert rows.tolist() == expected.tolist()
    assert np.allclose(scores, cosines, atol=1e-6)
