"""Dense vectors of all shops and their search: exact under any filter, whatever index serves the unfiltered case.

Owns the choice between FAISS (flat, HNSW, GPU) and a direct product over the rows that a filter leaves.
No texts and no encoder here.
"""

import logging
from pathlib import Path
from typing import Any, Self

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.settings import Retrieval

VECTORS, GRAPH = "embeddings.npy", "hnsw.faiss"
_DIRECT_ROWS = 50_000
"""Filtered rows up to which a product over the memory-mapped rows is at once exact and quick (about 10 ms)."""

_GATHER_SHARE = 0.25
"""Below this share of rows, copying them out beats a product over everything."""

_HNSW_LINKS, _HNSW_BUILD, _HNSW_SEARCH = 32, 120, 128
_GPU_MOST = 2_048
"""The most neighbours that a FAISS GPU index returns."""

faiss: Any = _faiss
"""Its published types lack selectors and HNSW parameters."""

Hits = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
_log = logging.getLogger(__name__)


class Dense:
    """Unit vectors float32 [n, d] and an index over them where one pays."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], settings: Retrieval, *, graph: Any = None
    ) -> None:
        self.vectors = vectors
        faiss.omp_set_num_threads(settings.threads)
        self._exact = len(vectors) <= settings.exact_up_to
        self._gpu = False
        self._index = graph if graph is not None else self._build(vectors)

    def _build(self, vectors: npt.NDArray[np.float32]) -> Any:
        dimension = vectors.shape[1]
        if self._exact:
            flat: Any = faiss.IndexFlatIP(dimension)
            flat.add(np.ascontiguousarray(vectors))
            return self._to_gpu(flat)
        index: Any = faiss.IndexHNSWFlat(dimension, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _HNSW_BUILD
        index.hnsw.efSearch = _HNSW_SEARCH
        index.add(np.ascontiguousarray(vectors))
        return index

    def _to_gpu(self, index: Any) -> Any:
        """Move a flat index to the first GPU where FAISS sees one; say which it is."""
        if not (hasattr(faiss, "get_num_gpus") and faiss.get_num_gpus() > 0):
            return index
        moved = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
        self._gpu = True
        _log.info("dense index of %d rows is on GPU 0 of %d", index.ntotal, faiss.get_num_gpus())
        return moved

    def search(self, query: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], k: int) -> Hits:
        """Return the `k` most similar rows that `mask` [n] allows, best first, and their cosines.

        Fewer than `k` come only where `mask` allows fewer.
        """
        allowed = np.flatnonzero(mask)
        k = min(k, len(allowed))
        if k == 0:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        if self._gpu:
            hits = self._search_gpu(query, mask, k)
            if hits is not None:
                return hits
        if len(allowed) <= _DIRECT_ROWS or self._gpu:
            return self._search_direct(query, allowed, k)
        return self._search_index(query, mask, k)

    def _search_direct(
        self, query: npt.NDArray[np.float32], allowed: npt.NDArray[np.int64], k: int
    ) -> Hits:
        if len(allowed) < _GATHER_SHARE * len(self.vectors):
            scores = self.vectors[allowed] @ query
        else:
            scores = (self.vectors @ query)[allowed]
        best = top(scores, k)
        return allowed[best].astype(np.int32), scores[best].astype(np.float32)

    def _search_index(
        self, query: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], k: int
    ) -> Hits:
        """Search with the filter inside the index; complete by the direct way what a graph walk missed."""
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits))
        if self._exact:
            parameters = faiss.SearchParameters(sel=selector)
        else:
            parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=max(_HNSW_SEARCH, 2 * k))
        scores, rows = self._index.search(query[None, :], k, params=parameters)
        found = rows[0] >= 0
        if found.all():
            return rows[0].astype(np.int32), scores[0].astype(np.float32)
        return self._search_direct(query, np.flatnonzero(mask), k)

    def _search_gpu(
        self, query: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], k: int
    ) -> Hits | None:
        """GPU indexes take no filter: the best 2,048 overall, filtered, are exact if `k` remain; else None."""
        scores, rows = self._index.search(query[None, :], min(_GPU_MOST, len(mask)))
        keep = mask[rows[0]]
        if int(keep.sum()) < k:
            return None
        return rows[0][keep][:k].astype(np.int32), scores[0][keep][:k].astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the vectors, and the graph where there is one (a flat index is made again on loading)."""
        np.save(folder / VECTORS, np.ascontiguousarray(self.vectors, np.float32))
        if not self._exact:
            faiss.write_index(self._index, str(folder / GRAPH))

    @classmethod
    def load(cls, folder: Path, settings: Retrieval) -> Self:
        """Map the vectors into memory and read the graph where there is one.

        Raises:
            ArtifactError: a file is missing or not what it should be.
        """
        try:
            vectors = np.load(folder / VECTORS, mmap_mode="r")
            graph = faiss.read_index(str(folder / GRAPH)) if (folder / GRAPH).exists() else None
        except (OSError, ValueError, RuntimeError) as e:
            raise ArtifactError(
                f"{folder} holds no readable vectors ({e}); build the index again"
            ) from e
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ArtifactError(
                f"{folder / VECTORS} is {vectors.dtype} {vectors.shape}; it must be float32 [rows, dimension]"
            )
        return cls(vectors, settings, graph=graph)


def top(scores: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Return the positions of the `k` greatest scores, greatest first; ties go to the lower position."""
    if 0 < k < len(scores):
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > cut)
        level = np.flatnonzero(scores == cut)[: k - len(above)]
        candidates = np.sort(np.concatenate([above, level]))
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]
