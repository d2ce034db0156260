"""Exact, HNSW and IVF at the catalogue's own size and, with `--full`, at 100,000 and 1,000,000 shops."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam.evaluation.index_filters import Filtered
from naviyam.evaluation.index_scale import Built, Effort, Measured, grown, measure
from naviyam.evaluation.section import Plot, Table

_FULL = (100_000, 1_000_000)
_RECOMBINED = 100_000
"""Texts of invented shops that are encoded with `--full`, about two minutes; more rows are mixes of their vectors."""

_QUERIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """All sizes together."""

    figures: dict[str, Any]
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...]


def measure_sizes(session: Session, scale: Scale) -> Sizes:
    """Measure every index at every size asked for; a million rows take about half an hour and 6 GB."""
    import tempfile
    from pathlib import Path

    base, queries = _vectors(session, scale)
    known = _catalogue_rows(session)
    measured: dict[int, Measured] = {}
    for size in (known, *(_FULL if scale.full else ())):
        vectors = grown(base, size, seed=scale.seed)
        session.say(f"retrieval: indexes over {size:,} vectors")
        with tempfile.TemporaryDirectory() as folder:
            measured[size] = measure(
                vectors, queries, session.settings.retrieval,
                seed=scale.seed, folder=Path(folder), say=session.say,
            )  # fmt: skip
    return _sizes(tuple(measured.values()))


def _catalogue_rows(session: Session) -> int:
    from naviyam.catalog.store import Catalog
    from naviyam.versions import current

    return Catalog.load(current(session.settings.paths.catalog)).size


def _vectors(
    session: Session, scale: Scale
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the shops' vectors, with `--full` also those of recombined shops, and the seeded questions'."""
    import random

    from cluster.cli.questions import conversations
    from naviyam.catalog.store import Catalog
    from naviyam.evaluation.index_texts import recombined
    from naviyam.retrieval.encoder import load_encoder
    from naviyam.retrieval.index import Index
    from naviyam.versions import current

    settings = session.settings
    catalog = Catalog.load(current(settings.paths.catalog))
    encoder = load_encoder(settings.retrieval)
    index = Index.open(settings.paths.index, catalog, encoder, settings.retrieval)
    base = np.asarray(index.dense.vectors)
    if scale.full:
        session.say(f"retrieval: encoding {_RECOMBINED:,} recombined texts")
        texts = recombined(catalog, _RECOMBINED, seed=scale.seed)
        base = np.concatenate([base, encoder.encode_passages(texts)])
    asked = [
        question.text
        for question, *_ in conversations(random.Random(scale.seed), count=2 * _QUERIES)
        if question.wants_shops
    ]
    return base, encoder.encode_queries(asked[:_QUERIES])


def _sizes(measured: Sequence[Measured]) -> Sizes:
    built = [b for m in measured for b in m.built]
    efforts = [e for m in measured for e in m.efforts]
    filtered = [f for m in measured for f in m.filtered]
    return Sizes(
        figures={
            "built": [asdict(b) for b in built],
            "efforts": [asdict(e) for e in efforts],
            "filtered": [asdict(f) for f in filtered],
        },
        tables=(
            _table("indexes by size, one thread, no filter, 20 of the best", Built, built),
            _table("recall against latency by effort", Effort, efforts),
            _table("what filters leave", Filtered, filtered),
        ),
        plots=tuple(_plot(m) for m in measured if m.efforts),
    )


def _table(title: str, kind: type, found: Sequence[Any]) -> Table:
    columns = tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    return Table(
        title=title,
        columns=columns,
        rows=tuple(tuple(getattr(each, name) for name in columns) for each in found),
    )


def _plot(measured: Measured) -> Plot:
    """Return the best recall that each index reaches within a latency; 0 where it has no answer yet."""
    exact = measured.built[0]
    points = {"exact": [(exact.p50_ms, 1.0)]}
    for effort in measured.efforts:
        points.setdefault(effort.kind, []).append((effort.p50_ms, effort.recall_at_20))
    limits = sorted({ms for reached in points.values() for ms, _ in reached})
    return Plot(
        title=f"Recall within a latency, {exact.rows:,} shops",
        kind="line",
        x_label="milliseconds for one query (p50), one thread",
        y_label="recall@20 of the exact answer",
        x=tuple(limits),
        series={
            kind: tuple(
                max((recall for ms, recall in reached if ms <= limit), default=0.0)
                for limit in limits
            )
            for kind, reached in points.items()
        },
        log_x=True,
    )
