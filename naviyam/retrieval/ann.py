"""Approximate indexes over unit vectors (IVF, HNSW), kept as 16-bit floats. Owns every FAISS call about them.

A filter goes inside the search, and the effort grows as the share of allowed rows falls: of `effort` candidates
only the allowed ones count. No exact search and no choice between the two here: that is `dense`.
"""

import math
from pathlib import Path
from typing import Any, Literal, Self

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.settings import Retrieval

Kind = Literal["ivf", "hnsw"]
FILE = "ann.faiss"

faiss: Any = _faiss
"""Its published types lack selectors and search parameters."""

_CHUNK = 65_536
"""Rows handed to FAISS at once: vectors mapped from a file are never all in memory."""

_LISTS_PER_ROOT = 4
"""Lists of an IVF: 4 x sqrt(n) rounded to a power of two, FAISS' own guideline for up to a million rows."""

_TRAIN_PER_LIST, _TRAIN_ROUNDS = 39, 8
"""FAISS warns below 39 points a list; more rounds move recall by less than 0.001."""

_TRAIN_SEED = 1234


class Ann:
    """One built index; rows are positions in the vectors it was built from."""

    def __init__(self, kind: Kind, index: Any, settings: Retrieval) -> None:
        self.kind: Kind = kind
        self._index = index
        self._settings = settings

    @property
    def rows(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, kind: Kind, vectors: npt.NDArray[np.float32], settings: Retrieval) -> Self:
        """Build from unit vectors float32 [n, d]; minutes for a million rows."""
        faiss.omp_set_num_threads(settings.threads)
        make = _empty_ivf if kind == "ivf" else _empty_hnsw
        index = make(vectors, settings)
        for start in range(0, len(vectors), _CHUNK):
            index.add(np.ascontiguousarray(vectors[start : start + _CHUNK], np.float32))
        return cls(kind, index, settings)

    def tuned(self, settings: Retrieval) -> Self:
        """Return the same index searched with the effort that `settings` ask for."""
        return type(self)(self.kind, self._index, settings)

    def search(
        self,
        queries: npt.NDArray[np.float32],
        k: int,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        allowed: int = 0,
    ) -> npt.NDArray[np.int64]:
        """Return rows [q, k] for queries [q, d], best first, -1 where nothing more was found.

        `mask` [n] allows `allowed` rows; None allows all.
        """
        share = 1.0 if mask is None else max(allowed, 1) / len(mask)
        selector = None
        if mask is not None:
            bits = np.packbits(mask, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits))
        parameters = self._parameters(selector, share, k)
        found: npt.NDArray[np.int64] = self._index.search(queries, k, params=parameters)[1]
        return found

    def _parameters(self, selector: Any, share: float, k: int) -> Any:
        settings = self._settings
        if self.kind == "ivf":
            lists = math.ceil(settings.ivf_probe / share)
            return faiss.SearchParametersIVF(sel=selector, nprobe=min(lists, self._index.nlist))
        walk = math.ceil(max(settings.hnsw_search, 2 * k) / share)
        return faiss.SearchParametersHNSW(sel=selector, efSearch=min(walk, self.rows))

    def save(self, folder: Path) -> None:
        faiss.write_index(self._index, str(folder / FILE))

    @classmethod
    def load(cls, kind: Kind, folder: Path, settings: Retrieval) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: it is missing, broken, or of the other kind.
        """
        faiss.omp_set_num_threads(settings.threads)
        try:
            index = faiss.read_index(str(folder / FILE))
        except RuntimeError as e:
            raise ArtifactError(
                f"{folder / FILE} is no readable index ({e}); build it again"
            ) from e
        if hasattr(index, "nlist") != (kind == "ivf"):
            raise ArtifactError(f"{folder / FILE} is no {kind} index; build it again")
        return cls(kind, index, settings)


def _empty_hnsw(vectors: npt.NDArray[np.float32], settings: Retrieval) -> Any:
    index = faiss.IndexHNSWSQ(
        vectors.shape[1],
        faiss.ScalarQuantizer.QT_fp16,
        settings.hnsw_links,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.hnsw.efConstruction = settings.hnsw_build
    index.train(np.ascontiguousarray(vectors[:1], np.float32))
    return index


def _empty_ivf(vectors: npt.NDArray[np.float32], settings: Retrieval) -> Any:
    count, dimension = vectors.shape
    wished, most = _LISTS_PER_ROOT * math.sqrt(count), max(count / _TRAIN_PER_LIST, 1)
    lists = 2 ** min(round(math.log2(wished)), int(math.log2(most)))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.niter, index.cp.seed = _TRAIN_ROUNDS, _TRAIN_SEED
    rng = np.random.default_rng(_TRAIN_SEED)
    some = rng.choice(count, min(count, _TRAIN_PER_LIST * lists), replace=False)
    index.train(np.ascontiguousarray(vectors[np.sort(some)], np.float32))
    return index
