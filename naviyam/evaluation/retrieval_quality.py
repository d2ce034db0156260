"""What the labelled queries say of every search: figures, intervals and tables. Measures; decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from naviyam.catalog.store import Catalog
from naviyam.errors import InputError
from naviyam.evaluation import retrieval as metrics
from naviyam.evaluation.retrieval import Quality
from naviyam.evaluation.retrieval_set import LabelledQuery, grades
from naviyam.evaluation.retrieval_systems import Systems
from naviyam.evaluation.section import Table

_SHOWN = ("recall_at_20", "ndcg_at_10", "mrr")
_NO_SHOP = "no shop of this catalogue answers any labelled query"


def measure_quality(
    systems: Systems, queries: Sequence[LabelledQuery], catalog: Catalog
) -> tuple[dict[str, Any], tuple[Table, ...]]:
    """Return figures and tables of all systems, by words alone and with filters; the tuned-on part is kept apart.

    Raises:
        InputError: no shop of the catalogue answers any query.
    """
    graded = [(query, grade) for query in queries if (grade := grades(query, catalog)).any()]
    figures: dict[str, Any] = {
        "labelled_queries": len(queries),
        "without_a_relevant_shop": len(queries) - len(graded),
    }
    tables: list[Table] = []
    for condition, searches in (
        ("words", systems.by_words()), ("filters", systems.with_filters()),
    ):  # fmt: skip
        for split in ("test", "dev"):
            part = [(query, grade) for query, grade in graded if query.split == split]
            if not part:
                raise InputError(_NO_SHOP)
            found = {
                name: [metrics.quality(search(query), grade) for query, grade in part]
                for name, search in searches.items()
            }
            figures[f"{condition}_{split}"] = _figures(found)
            tables.append(_table(condition, split, found))
            if split == "test":
                tables.append(_kinds(condition, found, [query.kind for query, _ in part]))
    return figures, tuple(tables)


def _figures(found: Mapping[str, Sequence[Quality]]) -> dict[str, Any]:
    out: dict[str, Any] = {"queries": len(next(iter(found.values())))}
    for name, each in found.items():
        out[name] = metrics.means(each) | {
            f"{metric}_95": metrics.interval(metrics.values(each, metric)).to_list()[1:]
            for metric in _SHOWN
        }
    others = {name: each for name, each in found.items() if name != "service"}
    for name in others:
        pair = {name: found[name], "service": found["service"]}
        out[f"service_over_{name}"] = {
            metric: metrics.compared(pair, against=name, metric=metric)["service"]
            for metric in _SHOWN
        }
    return out


def _table(condition: str, split: str, found: Mapping[str, Sequence[Quality]]) -> Table:
    return Table(
        title=f"labelled queries, {_CONDITIONS[condition]}, {split} part",
        columns=("search", *_SHOWN, "ndcg 95 %", "found of 20"),
        rows=tuple(
            (
                name,
                *(metrics.means(each)[metric] for metric in _SHOWN),
                "{1:.3f} to {2:.3f}".format(
                    *metrics.interval(metrics.values(each, "ndcg_at_10")).to_list()
                ),
                metrics.means(each)["found"],
            )
            for name, each in found.items()
        ),
    )


def _kinds(condition: str, found: Mapping[str, Sequence[Quality]], kinds: list[str]) -> Table:
    return Table(
        title=f"NDCG@10 by kind of query, {_CONDITIONS[condition]}, test part",
        columns=("kind", "queries", *found),
        rows=tuple(metrics.by_kind(found, kinds, "ndcg_at_10")),
    )


_CONDITIONS = {"words": "words alone", "filters": "with what they imply"}
