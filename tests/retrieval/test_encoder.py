import subprocess
import sys
import types

import numpy as np
import pytest

from naviyam.errors import ConfigError
from naviyam.retrieval.encoder import (
    RememberingEncoder,
    SentenceTransformersEncoder,
    load_encoder,
    unit_rows,
)
from naviyam.settings import Settings


def in_new_process(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


def test_packaged_encoder_brings_no_torch():
    code = (
        "import sys; from naviyam.settings import Settings; from naviyam.retrieval.encoder import load_encoder\n"
        "import naviyam.retrieval.search, naviyam.funnel.merge\n"
        "load_encoder(Settings.parse({}).retrieval).encode_queries(['치킨'])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = in_new_process(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", [None, types.SimpleNamespace()])
def test_a_model_that_cannot_be_loaded_names_the_key(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    settings = Settings.parse({"retrieval": {"encoder": "no/such-encoder"}})
    with pytest.raises(ConfigError, match=r"retrieval\.encoder 'no/such-encoder' cannot be loaded"):
        load_encoder(settings.retrieval)


class RecordingModel:
    def __init__(self, name):
        self.texts = []

    def get_sentence_embedding_dimension(self):
        return 3

    def encode(self, texts, **options):
        self.texts += texts
        return np.array([[3.0, 4.0, 0.0]] * len(texts))


def test_sentence_transformers_get_their_prefixes(monkeypatch):
    library = types.SimpleNamespace(SentenceTransformer=RecordingModel)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    e5 = {"encoder": "intfloat/e5", "query_prefix": "query: ", "passage_prefix": "passage: "}
    encoder = SentenceTransformersEncoder(Settings.parse({"retrieval": e5}).retrieval)
    assert np.allclose(encoder.encode_queries(["치킨"]), [[0.6, 0.8, 0.0]])
    assert encoder.encode_passages(["가게"]).shape == (1, 3)
    assert encoder._model.texts == ["query: 치킨", "passage: 가게"]


def test_vectors_are_unit_length_and_empty_text_is_a_number(encoder):
    vectors = encoder.encode_passages(["치킨집", "", "   ", "뜨끈한 국물"])
    assert vectors.shape == (4, 512)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


def test_unit_rows_turns_nan_to_zero():
    out = unit_rows(np.array([[np.nan, 1.0], [0.0, 0.0]], np.float32))
    assert out.tolist() == [[0.0, 1.0], [0.0, 0.0]]


class CountingEncoder:
    name, dimension = "counting", 2

    def __init__(self):
        self.asked = []

    def encode_queries(self, texts):
        self.asked += texts
        return np.array([[len(t), 1.0] for t in texts], np.float32)

    encode_passages = encode_queries


def test_a_query_is_encoded_once_and_the_oldest_is_forgotten():
    inner = CountingEncoder()
    encoder = RememberingEncoder(inner, most=2)
    first = encoder.encode_queries(["가", "나나", "가"])
    assert first[:, 0].tolist() == [1.0, 2.0, 1.0]
    encoder.encode_queries(["가"])
    assert inner.asked == ["가", "나나"]
    encoder.encode_queries(["다다다"])  # pushes 나나 out
    encoder.encode_queries(["나나"])
    assert inner.asked == ["가", "나나", "다다다", "나나"]
