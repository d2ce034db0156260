"""Stage 6 in one process: a rank request in, scores and an order out. numpy only; swapping models is the caller's."""

from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError, StaleVersionError
from naviyam.features.batch import FeatureBatch, Gatherer
from naviyam.features.build import build_features
from naviyam.features.history import History
from naviyam.ranker.artifact import Artifact, load_artifact
from naviyam.ranker.forward import logits, probabilities
from naviyam.ranker.order import order_of
from naviyam.retrieval.encoder import Encoder
from naviyam.search import Ranked, RankRequest

F32 = npt.NDArray[np.float32]
_QUERIES_KEPT = 512


class WideDeepScorer:
    """One model over one catalogue and its behaviour. Thread-safe.

    Remembers the last queries' embeddings and the last minute's openings, else has no state. Its matrices are small:
    where BLAS may use several threads on a busy machine, a call takes thirty times as long (run with one).
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        catalog: Catalog,
        behavior: Behavior,
        encoder: Encoder,
        version: str | None = None,
    ) -> None:
        if (encoder.name, encoder.dimension) != (
            artifact.card.encoder,
            artifact.card.encoder_dimension,
        ):
            raise ArtifactError(
                f"ranker {artifact.card.version} was trained with encoder {artifact.card.encoder} "
                f"({artifact.card.encoder_dimension}), this service runs {encoder.name} "
                f"({encoder.dimension}); train the ranker again"
            )
        self.version = version or artifact.card.version
        self._artifact, self._catalog, self._encoder = artifact, catalog, encoder
        self._row_of_user = behavior.row_of_user
        self._gatherer = Gatherer(catalog, History(behavior, catalog), artifact.tables)
        self._queries: OrderedDict[str, F32] = OrderedDict()
        self._opening: tuple[datetime, npt.NDArray[np.int8]] | None = None
        self._lock = Lock()

    @classmethod
    def load(cls, folder: Path, *, catalog: Catalog, behavior: Behavior, encoder: Encoder) -> Self:
        """Read a model's folder; its name is the version, as registry and pointer have it.

        Raises:
            ArtifactError: the folder is truncated, foreign, or trained on other features or another encoder.
        """
        return cls(
            load_artifact(folder),
            catalog=catalog,
            behavior=behavior,
            encoder=encoder,
            version=folder.name,
        )

    def rank(self, request: RankRequest, *, top_k: int) -> Ranked:
        """Score every candidate and order the best `top_k`.

        Raises:
            StaleVersionError: the request's rows are of another catalogue version.
        """
        if request.catalog_version != self._catalog.version:
            raise StaleVersionError(
                f"the request holds rows of catalogue {request.catalog_version}, this ranker "
                f"{self._catalog.version}; ask again"
            )
        batch = self.batch_of(request)
        features = build_features(batch, self._artifact.tables)
        scores = probabilities(logits(features, self._artifact.tensors))
        order = order_of(request, self._catalog, batch, scores)
        return Ranked(
            order=order[: max(top_k, 0)],
            scores=scores,
            wide=features.wide,
            numeric=features.numeric,
            model_version=self.version,
        )

    def batch_of(self, request: RankRequest) -> FeatureBatch:
        """Return the request as the arrays that the features are built from."""
        asks = self._gatherer.ask(
            filters=request.filters,
            context=request.context,
            profile=request.profile,
            place=request.place,
            user_row=self._row_of_user.get(request.profile.user_id, -1),
        )
        return self._gatherer.batch(
            asks,
            request.rows,
            funnel_scores=request.funnel_scores,
            rag_scores=request.rag_scores,
            open_now=self._open_now(request.context.time)[request.rows].astype(np.int32),
            query=self._embedding(request.query),
        )

    def _open_now(self, when: datetime) -> npt.NDArray[np.int8]:
        minute = when.replace(second=0, microsecond=0)
        known = self._opening
        if known is None or known[0] != minute:
            self._opening = known = minute, self._catalog.open_now(minute)
        return known[1]

    def _embedding(self, query: str) -> F32:
        if not query:
            return np.zeros((1, self._encoder.dimension), np.float32)
        with self._lock:
            known = self._queries.get(query)
        if known is None:
            known = self._encoder.encode_queries([query]).astype(np.float32)
        with self._lock:
            self._queries[query] = known
            self._queries.move_to_end(query)
            if len(self._queries) > _QUERIES_KEPT:
                self._queries.popitem(last=False)
        return known
