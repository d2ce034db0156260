"""Dense vectors of all shops and their search. Owns how: exact or approximate by size, and by what a filter leaves.

Up to `retrieval.exact_up_to` shops every search is exact. Above, an HNSW graph or (from `retrieval.ivf_from`) an
IVF answers what few filters narrow, and a filter that leaves at most `retrieval.direct_up_to` rows is answered
exactly over just those rows; what is found is scored again with the full vectors. On a GPU (`retrieval.device`) every
search is exact there, as far as its filter leaves enough. No texts and no encoder here.
"""

import logging
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError, ConfigError
from naviyam.retrieval.ann import Ann, faiss
from naviyam.settings import Retrieval

VECTORS = "embeddings.npy"
IndexKind = Literal["exact", "hnsw", "ivf"]

_SPARE = 2
"""So many times `k` are taken from an approximate index: its 16-bit scores only choose, full ones order."""

_SAMPLE = 2_048
_SUSPECT = 4.0
"""A sample may hold so many times its share of better rows before the search is done again exactly."""

_GPU_MOST = 2_048
"""The most neighbours that a FAISS GPU index returns."""

Hits = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
_log = logging.getLogger(__name__)


def index_kind(count: int, settings: Retrieval) -> IndexKind:
    """Return which index serves `count` shops."""
    if count <= settings.exact_up_to:
        return "exact"
    return "hnsw" if count < settings.ivf_from else "ivf"


def uses_gpu(count: int, settings: Retrieval, *, gpus: int) -> bool:
    """Return whether the vectors of `count` shops are compared on a GPU, of `gpus` that FAISS sees.

    Raises:
        ConfigError: `retrieval.device` asks for one that is not there.
    """
    if settings.device == "gpu" and not gpus:
        raise ConfigError(
            "retrieval.device is gpu, but FAISS sees no GPU; install .[gpu], give the replica "
            "num_gpus (serving.retriever or serving.ingress), or set it to cpu"
        )
    if settings.device == "cpu" or not gpus or not count:
        return False
    return settings.device == "gpu" or index_kind(count, settings) == "exact"


class Dense:
    """Unit vectors float32 [n, d] and an index over them where one pays; `gpu` is an exact one on a GPU."""

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        settings: Retrieval,
        *,
        ann: Ann | None = None,
        gpu: Any = None,
    ) -> None:
        self.vectors = vectors if vectors.flags.c_contiguous else np.ascontiguousarray(vectors)
        faiss.omp_set_num_threads(settings.threads)
        self.kind = index_kind(len(vectors), settings)
        self._direct_up_to = settings.direct_up_to
        self._gpu: Any = gpu
        if gpu is None and uses_gpu(len(vectors), settings, gpus=_gpus()):
            self._gpu = _on_gpu(vectors)
        if self.kind != "exact" and ann is None:
            ann = Ann.build(self.kind, vectors, settings)
        self._ann = ann

    def search(self, query: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], k: int) -> Hits:
        """Return the `k` most similar rows that `mask` [n] allows, best first, and their cosines.

        Fewer than `k` come only where `mask` allows fewer.
        """
        allowed = np.flatnonzero(mask)
        k = min(k, len(allowed))
        if k == 0:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        hits = None
        if self._gpu is not None:
            hits = self._search_gpu(query, mask, k)
        if hits is None and self._ann is not None and len(allowed) > self._direct_up_to:
            hits = self._search_ann(self._ann, query, mask, allowed, k)
        return hits or self._search_direct(query, allowed, k)

    def cosines(
        self, query: npt.NDArray[np.float32], rows: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.float32]:
        """Return the cosine of `query` and each of `rows`.

        By FAISS, not by BLAS: rows are read where they lie, and no pool of threads waits for a busy core (measured on
        two loaded cores, 5,000 of 50,000 rows: 1 ms against 8 ms, or 34 ms where BLAS may use both).
        """
        out = np.empty(len(rows), np.float32)
        if len(rows):
            told, ids = np.ascontiguousarray(query), np.ascontiguousarray(rows, np.int64)
            faiss.fvec_inner_products_by_idx(
                faiss.swig_ptr(out), faiss.swig_ptr(told), faiss.swig_ptr(self.vectors),
                faiss.swig_ptr(ids), len(told), 1, len(ids),
            )  # fmt: skip
        return out

    def _search_direct(
        self, query: npt.NDArray[np.float32], allowed: npt.NDArray[np.int64], k: int
    ) -> Hits:
        scores = self.cosines(query, allowed)
        best = top(scores, k)
        return allowed[best].astype(np.int32), scores[best]

    def _search_ann(
        self,
        ann: Ann,
        query: npt.NDArray[np.float32],
        mask: npt.NDArray[np.bool_],
        allowed: npt.NDArray[np.int64],
        k: int,
    ) -> Hits | None:
        """Search with the filter inside the index; None where it found fewer than `k` or plainly not the best."""
        whole = len(allowed) == len(mask)
        wanted = min(_SPARE * k, len(allowed))
        found = ann.search(
            query[None, :], wanted, mask=None if whole else mask, allowed=len(allowed)
        )[0]
        found = np.sort(found[found >= 0])
        if len(found) < k:
            return None
        rows, scores = self._search_direct(query, found, k)
        return None if not whole and self._missed(query, allowed, scores) else (rows, scores)

    def _missed(
        self,
        query: npt.NDArray[np.float32],
        allowed: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float32],
    ) -> bool:
        """Tell by a sample of the allowed rows whether many are better than the last that was found.

        A filter that goes against the query (only 한식 for "피자") leads a walk among rows that do not count; then
        the sample holds far more than its share of better rows.
        """
        sample = allowed[:: max(1, len(allowed) // _SAMPLE)]
        better = int((self.cosines(query, sample) > scores[-1]).sum())
        return better > _SUSPECT * (len(scores) * len(sample) / len(allowed) + 2)

    def _search_gpu(
        self, query: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], k: int
    ) -> Hits | None:
        """GPU indexes take no filter: the best 2,048 overall, filtered, are exact if `k` remain; else None."""
        scores, rows = self._gpu.search(query[None, :], min(_GPU_MOST, len(mask)))
        keep = mask[rows[0]]
        if int(keep.sum()) < k:
            return None
        return rows[0][keep][:k].astype(np.int32), scores[0][keep][:k].astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the vectors, and the approximate index where there is one."""
        np.save(folder / VECTORS, np.ascontiguousarray(self.vectors, np.float32))
        if self._ann is not None:
            self._ann.save(folder)

    @classmethod
    def load(cls, folder: Path, settings: Retrieval) -> Self:
        """Map the vectors into memory and read the approximate index where their number asks for one.

        Raises:
            ArtifactError: a file is missing or not what it should be.
        """
        try:
            vectors = np.load(folder / VECTORS, mmap_mode="r")
        except (OSError, ValueError) as e:
            raise ArtifactError(
                f"{folder} holds no readable vectors ({e}); build the index again"
            ) from e
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ArtifactError(
                f"{folder / VECTORS} is {vectors.dtype} {vectors.shape}; it must be float32 [rows, dimension]"
            )
        kind = index_kind(len(vectors), settings)
        if kind == "exact":
            return cls(vectors, settings)
        ann = Ann.load(kind, folder, settings)
        if ann.rows != len(vectors):
            raise ArtifactError(
                f"{folder}: {ann.rows} rows in the {kind} index, {len(vectors)} vectors; build the index again"
            )
        return cls(vectors, settings, ann=ann)


def _gpus() -> int:
    """Return how many GPUs FAISS sees; none without the GPU build."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


def _on_gpu(vectors: npt.NDArray[np.float32]) -> Any:
    """Return a flat index on the first GPU."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(np.ascontiguousarray(vectors))
    moved = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, flat)
    _log.info("dense index of %d rows is on GPU 0 of %d", moved.ntotal, _gpus())
    return moved


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
