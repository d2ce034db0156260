import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.errors import ArtifactError, ConflictError, NotFoundError
from naviyam.retrieval import dense as dense_module
from naviyam.retrieval.dense import Dense, top
from naviyam.retrieval.fusion import fuse
from naviyam.retrieval.index import Index, ensure_index
from naviyam.retrieval.lexical import Lexical, document_terms
from naviyam.settings import Retrieval


def some_vectors(n, d=16, seed=1):
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
@pytest.mark.parametrize("direct_rows", [0, 50_000])
def test_flat_search_is_exact_under_any_filter(share, direct_rows, monkeypatch):
    monkeypatch.setattr(dense_module, "_DIRECT_ROWS", direct_rows)
    vectors = some_vectors(3_000)
    mask = np.random.default_rng(2).random(3_000) < share
    rows, scores = Dense(vectors, Retrieval()).search(vectors[5], mask, 20)
    similar = np.where(mask, vectors @ vectors[5], -np.inf)
    assert rows.tolist() == np.argsort(-similar, kind="stable")[: min(20, mask.sum())].tolist()
    assert np.allclose(scores, similar[rows], atol=1e-5)


def test_graph_search_never_starves(monkeypatch, tmp_path):
    monkeypatch.setattr(dense_module, "_DIRECT_ROWS", 10)
    settings = Retrieval(exact_up_to=100)
    vectors = some_vectors(4_000)
    index = Dense(vectors, settings)
    index.save(tmp_path)
    loaded = Dense.load(tmp_path, settings)
    mask = np.zeros(4_000, np.bool_)
    mask[::97] = True
    for searched in (index, loaded):
        rows, _ = searched.search(vectors[5], mask, 20)
        assert len(set(rows.tolist())) == 20
        assert mask[rows].all()
    assert (loaded._index.ntotal, (tmp_path / "hnsw.faiss").exists()) == (4_000, True)


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
