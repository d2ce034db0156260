"""The searches that are compared: the service's, its halves, and a plain FAISS + encoder baseline.

By words alone every system sees the whole catalogue (without shops that mainly sell alcohol). With filters the
service's search filters first; the plain one takes its best hundred and filters what is there.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.clock import SEOUL
from naviyam.evaluation.retrieval import Rows
from naviyam.evaluation.retrieval_set import LabelledQuery
from naviyam.request import Filters, Place, RequestContext, UserProfile
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.filters import candidate_mask
from naviyam.retrieval.fusion import fuse
from naviyam.retrieval.index import Index
from naviyam.retrieval.search import HybridRetriever
from naviyam.search import SearchRequest
from naviyam.settings import Settings

Search = Callable[[LabelledQuery], Rows]

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=SEOUL)
"""When the labelled queries are asked: opening hours must not move the figures."""

_K, _DEPTH, _RRF_K = 20, 100, 60.0


class Systems:
    """The searches over one catalogue and its index."""

    def __init__(
        self,
        catalog: Catalog,
        index: Index,
        encoder: Encoder,
        gazetteer: Gazetteer,
        settings: Settings,
    ) -> None:
        self._catalog, self._index, self._encoder = catalog, index, encoder
        self._gazetteer, self._settings = gazetteer, settings
        self._retriever = HybridRetriever(catalog, index, encoder, settings)
        self._food = ~catalog.alcohol

    def by_words(self) -> Mapping[str, Search]:
        """Return the systems that see the words only."""
        return {
            "plain": self.plain,
            "dense": self.dense,
            "lexical": self.lexical,
            "rank fusion": self.rank_fusion,
            "service": lambda query: self.service(query, filtered=False),
        }

    def with_filters(self) -> Mapping[str, Search]:
        """Return the systems that also get what the query implies."""
        return {
            "plain, filtered after": self.plain_filtered_after,
            "service": lambda query: self.service(query, filtered=True),
        }

    def plain(self, query: LabelledQuery) -> Rows:
        return self._nearest(query.text)[:_K]

    def dense(self, query: LabelledQuery) -> Rows:
        return self._nearest(self._index.lexical.read(query.query).sentence)[:_K]

    def lexical(self, query: LabelledQuery) -> Rows:
        return self._index.lexical.search(query.query, self._food, _K)[0]

    def rank_fusion(self, query: LabelledQuery) -> Rows:
        """Reciprocal rank fusion of dense and lexical, equal weights, k = 60: what is usual."""
        lexical = self._index.lexical.search(query.query, self._food, _DEPTH)[0]
        dense = self._nearest(self._index.lexical.read(query.query).sentence)
        return fuse([(dense, 1.0), (lexical, 1.0)], k=_RRF_K)[0][:_K]

    def plain_filtered_after(self, query: LabelledQuery) -> Rows:
        context = RequestContext(time=NOON)
        place = self._place(query)
        allowed = candidate_mask(query.filters, context, place, self._catalog, self._settings)
        rows = self._nearest(query.text)
        kept: Rows = rows[allowed[rows]][:_K]
        return kept

    def service(self, query: LabelledQuery, *, filtered: bool) -> Rows:
        return self._retriever.search(self.request(query, filtered=filtered)).rows

    def request(self, query: LabelledQuery, *, filtered: bool) -> SearchRequest:
        """Return what stage 5A is asked for a query, with or without what it implies."""
        return SearchRequest(
            catalog_version=self._catalog.version,
            query=query.query,
            filters=query.filters if filtered else Filters(),
            context=RequestContext(time=NOON),
            profile=UserProfile(user_id="evaluate"),
            place=self._place(query) if filtered else None,
            top_k=_K,
        )

    def search(self, request: SearchRequest) -> Rows:
        return self._retriever.search(request).rows

    def _place(self, query: LabelledQuery) -> Place | None:
        where = query.filters.location
        return self._gazetteer.resolve(where) if where else None

    def _nearest(self, text: str) -> Rows:
        vector = self._encoder.encode_queries([text])[0]
        return self._index.dense.search(vector, self._food, _DEPTH)[0]
