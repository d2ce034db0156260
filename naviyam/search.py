"""Requests and answers of stages 5 and 6: small arrays of catalogue rows, never shop objects.

Rows are int32 indices into one version of the catalogue; every value carries that version's name.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from naviyam.request import Filters, Place, RequestContext, UserProfile

FUNNELS = ("collaborative", "content", "contextual", "popularity")
"""Column order of every funnel matrix (wide features 9-12 and 13-16 keep it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What stages 5A and 5B look for; one shape for both."""

    catalog_version: str
    query: str
    filters: Filters
    context: RequestContext
    profile: UserProfile
    place: Place | None
    top_k: int = 20
    exclude_shop_ids: tuple[str, ...] = ()
    variant: str | None = None
    """Of `retrieval.variants`; None searches as it serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """5A: `rows` int32 [n], `scores` float32 [n] in 0..1, best first."""

    catalog_version: str
    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    relaxed: tuple[str, ...] = ()
    """Names of wishes that had to be loosened to find anything, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnelled:
    """5B: `rows` int32 [n], `scores` float32 [n, 4] normalised to 0..1 (columns `FUNNELS`, 0 = not found by it)."""

    catalog_version: str
    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRequest:
    """Stage 6's input: the union of 5A and 5B. `funnel_scores` float32 [n, 4], `rag_scores` float32 [n]."""

    catalog_version: str
    query: str
    filters: Filters
    context: RequestContext
    profile: UserProfile
    place: Place | None
    rows: npt.NDArray[np.int32]
    funnel_scores: npt.NDArray[np.float32]
    rag_scores: npt.NDArray[np.float32]
    ranker: str | None = None
    """The version that is to rank, None for the one that serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Stage 6's answer: `order` int32 [k] indexes the request's rows, best first; `scores` float32 [n] in 0..1.

    `wide` float32 [n, 50] and `numeric` float32 [n, 10] are the features as served, for the log.
    """

    order: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]
    numeric: npt.NDArray[np.float32]
    model_version: str
