"""From behaviour to what the loop trains on: split 8:2 by time, vocabulary, cross rates, features, card.

Vocabulary and cross rates come from the earlier part alone. Features are built by the function that serves.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.errors import ConflictError
from naviyam.features.batch import Asks, FeatureBatch, Gatherer, dietary_bits, slots_of, tag_bits
from naviyam.features.build import Features, build_features, cells_of
from naviyam.features.history import History
from naviyam.features.spec import schema_hash
from naviyam.features.tables import CrossRates, FeatureTables, fit_rates
from naviyam.features.vocabulary import Vocabulary
from naviyam.retrieval.encoder import Encoder
from naviyam.settings import Settings
from training.data import VISIT_GAP_S, RankerData, Samples, Visits, visits_of
from training.wide_deep.sessions import NEGATIVES, QUERIES, SessionMaker

TRAIN_SHARE: Final = 0.8
MAX_POOLS: Final = 400
MIN_VISITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Features and targets of one part, rows [n]."""

    samples: Samples
    features: Features
    category: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Everything the loop needs, and the card of the data set."""

    train: Split
    test: Split
    pools: Split
    tables: FeatureTables
    card: Mapping[str, Any]
    catalog_size: int


def collect(catalog: Catalog, behavior: Behavior, settings: Settings) -> RankerData:
    """Return the initial samples, at most `ranker_training.max_samples`, evenly over time.

    Raises:
        ConflictError: there is too little behaviour to learn from.
    """
    visits, dropped = visits_of(catalog, behavior)
    most = settings.ranker_training.max_samples // (1 + NEGATIVES)
    if len(visits.time) > most:
        dropped["over_max_samples"] = len(visits.time) - most
        visits = visits.take(np.linspace(0, len(visits.time) - 1, most).astype(np.int64))
    if len(visits.time) < MIN_VISITS:
        raise ConflictError(
            f"{len(visits.time)} visits (orders, favourites, good reviews) are too few to train a ranker; "
            f"{MIN_VISITS} are needed: import a workbook with orders or run the sample generator"
        )
    cut = int(np.quantile(visits.time, TRAIN_SHARE))
    maker = SessionMaker(catalog, behavior, settings)
    sessions = [
        session
        for i in range(len(visits.time))
        if (session := maker.session(visits.take(np.array([i])), i, _near(visits, i))) is not None
    ]
    samples = Samples.join(sessions)
    pools, recall = _pools(maker, visits.take(visits.time >= cut), most=MAX_POOLS)
    return RankerData(
        train=samples.take(samples.time < cut),
        test=samples.take(samples.time >= cut),
        pools=pools,
        cut=cut,
        candidate_recall=recall,
        counts={
            "visits": len(visits.time),
            **maker.counts,
            **{f"dropped_{k}": v for k, v in sorted(dropped.items())},
        },
    )


def prepare(catalog: Catalog, behavior: Behavior, encoder: Encoder, settings: Settings) -> Prepared:
    """Collect samples, learn vocabulary and cross rates from the earlier ones, and build all features."""
    data = collect(catalog, behavior, settings)
    used = np.unique(data.train.shop)
    vocabulary = Vocabulary.of(
        users=(behavior.user_ids[u] for u in np.unique(data.train.user)),
        shops=(catalog.shop_ids[s] for s in used),
        brands=(catalog.brands[b] for b in np.unique(catalog.brand[used]) if b >= 0),
    )
    weight = settings.ranker_training.good_influence_weight
    tables = FeatureTables(
        vocabulary=vocabulary,
        rates=CrossRates.empty(catalog.districts),
        good_influence_weight=weight,
    )
    history = History(behavior, catalog)
    queries = query_vectors(encoder)
    batches = {
        name: batch_of(part, catalog, behavior, Gatherer(catalog, history, tables), tables, queries)
        for name, part in (("train", data.train), ("test", data.test), ("pools", data.pools))
    }
    rates = fit_rates(
        cells_of(batches["train"]),
        data.train.label,
        np.ones_like(data.train.label),
        catalog.districts,
    )
    tables = FeatureTables(vocabulary=vocabulary, rates=rates, good_influence_weight=weight)
    splits = {
        name: Split(
            samples=getattr(data, name),
            features=build_features(batch, tables),
            category=batch.category,
        )
        for name, batch in batches.items()
    }
    return Prepared(
        **splits,
        tables=tables,
        card=_card(data, splits, catalog, behavior, encoder),
        catalog_size=catalog.size,
    )


def query_vectors(encoder: Encoder) -> npt.NDArray[np.float32]:
    """Return the embeddings of `QUERIES` [q, d]; row 0, no query, is zero."""
    queries = np.zeros((len(QUERIES), encoder.dimension), np.float32)
    queries[1:] = encoder.encode_queries(list(QUERIES[1:]))
    return queries


def publish(root: Path, version: str, prepared: Prepared) -> Path:
    """Write the data set as one Parquet file and its card; return the version's folder."""

    def write(folder: Path) -> None:
        tables = [_table(getattr(prepared, name), name) for name in ("train", "test", "pools")]
        pq.write_table(pa.concat_tables(tables), folder / "samples.parquet")
        text = json.dumps(prepared.card, ensure_ascii=False, indent=1)
        (folder / "card.json").write_text(text, encoding="utf-8")

    return versions.publish(root, version, write)


def _near(visits: Visits, i: int) -> set[int]:
    """Return the shops that the same user visited within a day: no negatives of one another."""
    start, stop = np.searchsorted(visits.time, visits.time[i] + np.array([-1, 1]) * VISIT_GAP_S)
    same = visits.user[start:stop] == visits.user[i]
    return set(visits.shop[start:stop][same].tolist())


def _pools(maker: SessionMaker, later: Visits, *, most: int) -> tuple[Samples, float]:
    """Return one pool per user at the user's first later visit, and the share of visits it holds."""
    _, first = np.unique(later.user, return_index=True)
    pools: list[Samples] = []
    held = total = 0
    for number, at in enumerate(np.sort(first)[:most].tolist()):
        user = int(later.user[at])
        liked = set(later.shop[later.user == user].tolist())
        pool = maker.pool(later.take(np.array([at])), liked, number)
        total += len(liked)
        if pool is not None:
            held += int(pool.label.sum())
            pools.append(pool)
    if not pools:
        raise ConflictError("no later user has a candidate; the catalogue and the behaviour differ")
    return Samples.join(pools), held / max(total, 1)


def batch_of(
    s: Samples,
    catalog: Catalog,
    behavior: Behavior,
    gatherer: Gatherer,
    tables: FeatureTables,
    queries: npt.NDArray[np.float32],
) -> FeatureBatch:
    """Return samples as the arrays that the features are built from; `queries` as of `query_vectors`."""
    return gatherer.batch(
        asks_of(s, catalog, behavior, tables.vocabulary),
        s.shop,
        funnel_scores=s.funnel_scores,
        rag_scores=np.zeros(len(s.shop), np.float32),
        open_now=s.open_now,
        query=queries[s.query],
    )


def asks_of(s: Samples, catalog: Catalog, behavior: Behavior, vocabulary: Vocabulary) -> Asks:
    """Return the asking side of every sample: what the profile says and nothing said in words."""
    n, users = len(s.shop), behavior.user_ids
    index = {name: i for i, name in enumerate(catalog.districts)}
    district = np.array([index.get(d, -1) for d in behavior.user_district], np.int32)
    favorite = np.array([tag_bits(c) for c in behavior.favorite_categories], np.int32)
    dietary = np.array([dietary_bits(d) for d in behavior.dietary], np.int32)
    no = np.zeros(n, np.bool_)
    return Asks(
        time=s.time,
        user=s.user,
        user_embedding=vocabulary.rows("users", users)[s.user],
        age=behavior.ages[s.user].astype(np.int32),
        district=district[s.user],
        budget_won=behavior.budgets[s.user],
        slot=slots_of(s.time),
        latitude=s.latitude,
        longitude=s.longitude,
        favorite_tags=favorite[s.user],
        dietary=dietary[s.user],
        category=np.full(n, -1, np.int32),
        budget_asked=no,
        near_asked=no,
        open_asked=no,
        card_asked=no,
        good_asked=no,
    )


def _card(
    data: RankerData,
    splits: Mapping[str, Split],
    catalog: Catalog,
    behavior: Behavior,
    encoder: Encoder,
) -> dict[str, Any]:
    digest = blake2b(digest_size=16)
    for name in ("train", "test", "pools"):
        for column in _table(splits[name], name).columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    digest.update(buffer or b"")
    times = np.concatenate([data.train.time, data.test.time])
    return {
        "kind": "ranker",
        "hash": digest.hexdigest(),
        "sources": [f"catalog/{catalog.version}"],
        "simulated": behavior.simulated,
        "feature_schema_hash": schema_hash(),
        "encoder": encoder.name,
        "rows": {name: len(split.samples.shop) for name, split in splits.items()},
        "positives": {name: int(split.samples.label.sum()) for name, split in splits.items()},
        "time_range": [_iso(int(times.min())), _iso(int(times.max()))],
        "cut": _iso(data.cut),
        "candidate_recall": round(data.candidate_recall, 4),
        "counts": Counter(data.counts),
        "queries": list(QUERIES),
    }


def _table(split: Split, name: str) -> pa.Table:
    s, f = split.samples, split.features
    columns: dict[str, Any] = {
        "part": pa.array([name] * len(s.shop)),
        **{
            k: pa.array(getattr(s, k))
            for k in ("user", "shop", "time", "label", "weight", "session", "query")
        },
        **{f"{k}_row": pa.array(getattr(f, k)) for k in ("user", "shop", "category", "brand")},
        "wide": _lists(f.wide),
        "numeric": _lists(f.numeric),
    }
    return pa.table(columns)


def _lists(matrix: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
