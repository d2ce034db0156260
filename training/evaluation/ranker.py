"""A ranker beside the champion: held-out choices of the data set, segments, and what the event log says of other orders."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam import versions
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.evaluation.paired_ranking import Choices, compare, figures, ndcg_by_user
from naviyam.evaluation.ranking import auc
from naviyam.features.spec import WIDE_INDEX
from naviyam.feedback.store import EventStore
from naviyam.ranker.artifact import Artifact
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.settings import Settings
from training.datasets.absent import read_absent
from training.datasets.read import RankerRows, RankerSet, read_card, read_ranker
from training.evaluation import answers, counterfactual
from training.evaluation.scoring import Logged, chances, open_ranker
from training.wide_deep.logged import earlier_data

F64 = npt.NDArray[np.float64]

SEGMENT_USERS: Final = 8
"""A segment is shown from this many users with a choice on; below it a mean says nothing."""

MIN_ANSWERS: Final = 20
"""Logged answers below which no off-policy value is given."""

_DISTRICTS: Final = 8


def evaluate(
    settings: Settings,
    *,
    candidate: Path,
    champion: Path,
    data: Path,
    encoder: Encoder | None = None,
) -> dict[str, Any]:
    """Return the figures of both rankers on the held-out part of a data set.

    Raises:
        ArtifactError: a model or the data set cannot be read, or the held-out part is empty.
        InputError: all held-out rows are alike.
    """
    found = read_ranker(data)
    rows = found.test
    if not len(rows.label):
        raise ArtifactError(f"{data} holds no later part to be judged on; wait for more feedback")
    catalog = Catalog.load(versions.current(settings.paths.catalog))
    encoder = encoder or load_encoder(settings.retrieval)
    models = {
        "candidate": open_ranker(candidate, encoder),
        "champion": open_ranker(champion, encoder),
    }
    logged = _logged(rows)
    scores = {name: chances(model, logged, encoder) for name, model in models.items()}
    choices = _choices(rows, catalog, limit=settings.evaluation.weight_limit)
    draws, seed = settings.evaluation.draws, settings.seed
    pair = compare(scores["candidate"], scores["champion"], choices, draws=draws, seed=seed)
    before = _before(settings, models, encoder)
    return {
        "kind": "ranker",
        "candidate": _rounded(pair.candidate) | before.get("candidate", {}),
        "champion": _rounded(pair.champion) | before.get("champion", {}),
        "before": before,
        "difference": {name: e.to_dict() for name, e in pair.difference.items()},
        "baselines": _baselines(rows, choices, seed),
        "segments": segments(scores, rows, choices, catalog),
        "off_policy": _off_policy(settings, models, encoder, catalog, found),
        "held_out": {
            "rows": len(rows.label),
            "users": len(np.unique(choices.user)),
            "answers": len(np.unique(rows.session)),
            "chosen": int(choices.relevant.sum()),
        },
        "simulated": _simulated(found),
    }


def segments(
    scores: Mapping[str, F64], rows: RankerRows, choices: Choices, catalog: Catalog
) -> dict[str, Any]:
    """Return NDCG@5 of both by whether the user was known when asked first, and by the district most of the shops lie in."""
    users, first = np.unique(choices.user, return_index=True)
    cold = rows.wide[first, WIDE_INDEX["new_user"]] > 0
    district = _districts(rows, choices, catalog, len(users))
    chosen = {"cold": cold, "known": ~cold}
    named = {
        f"district:{catalog.districts[d]}": district == d for d in np.unique(district) if d >= 0
    }
    largest = sorted(named.items(), key=lambda item: -int(item[1].sum()))[:_DISTRICTS]
    by_user = {name: ndcg_by_user(s, choices) for name, s in scores.items()}
    found = {}
    for segment, members in (*chosen.items(), *largest):
        counted = members & (by_user["candidate"][1] > 0)
        if int(counted.sum()) >= SEGMENT_USERS:
            found[segment] = {"users": int(counted.sum())} | {
                name: round(float(np.average(values[counted], weights=worth[counted])), 4)
                for name, (values, worth) in by_user.items()
            }
    return found


def _logged(rows: RankerRows) -> Logged:
    return Logged(
        user_ids=rows.user_ids,
        shop_ids=rows.shop_ids,
        brands=rows.brands,
        category=rows.category,
        queries=rows.queries,
        wide=rows.wide,
        numeric=rows.numeric,
    )


def _choices(rows: RankerRows, catalog: Catalog, *, limit: float) -> Choices:
    return Choices(
        relevant=rows.label > 0,
        user=_codes(rows.user_ids),
        item=_codes(rows.shop_ids),
        kind=rows.category,
        catalog_size=catalog.size,
        gain=np.minimum(1 / np.maximum(rows.examined.astype(np.float64), 1e-6), limit),
    )


def _codes(names: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    return np.unique(names.astype(str), return_inverse=True)[1].reshape(-1)


def _districts(
    rows: RankerRows, choices: Choices, catalog: Catalog, users: int
) -> npt.NDArray[np.int64]:
    """Return the district code of every user, -1 where no shop's is known."""
    at = np.array([catalog.row_of.get(s, -1) for s in rows.shop_ids.tolist()])
    code = np.where(at >= 0, catalog.district[np.maximum(at, 0)].astype(np.int64), -1)
    counts = np.zeros((users, len(catalog.districts) + 1), np.int64)
    np.add.at(counts, (np.unique(choices.user, return_inverse=True)[1].reshape(-1), code), 1)
    counts[:, -1] = 0
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def _baselines(rows: RankerRows, choices: Choices, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed).random(len(rows.label))
    served = rows.score.astype(np.float64)
    return {
        "random": _rounded(figures(random, choices), without="calibration_error"),
        "as_served": _rounded(figures(served, choices)),
    }


def _off_policy(
    settings: Settings,
    models: Mapping[str, Any],
    encoder: Encoder,
    catalog: Catalog,
    data: RankerSet,
) -> dict[str, Any]:
    """Return values from the log of the held-out time, or why there are none."""
    times = data.test.time
    start, stop = (datetime.fromtimestamp(int(t), UTC) for t in (times.min(), times.max()))
    found = answers.read_answers(
        EventStore.of(settings),
        settings.learning,
        read_absent(settings),
        start=start,
        stop=stop,
        simulated=_simulated(data),
    )
    if len(found) < MIN_ANSWERS:
        return {
            "skipped": f"{len(found)} answers of {start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} UTC can be weighed, "
            f"{MIN_ANSWERS} are needed: their order must have been drawn from (ranker.exploration above 0)"
        }
    logged = answers.candidates_of(found, catalog)
    ends = np.cumsum([len(a.pool) for a in found])[:-1]
    split = {name: np.split(chances(m, logged, encoder), ends) for name, m in models.items()}
    return counterfactual.values(
        found,
        split["candidate"],
        split["champion"],
        weight_limit=settings.evaluation.weight_limit,
        draws=settings.evaluation.draws,
        seed=settings.seed,
    )


def _simulated(data: RankerSet) -> bool:
    return bool(data.card.get("simulated", True))


def _before(settings: Settings, models: Mapping[str, Artifact], encoder: Encoder) -> dict[str, Any]:
    """Return how well both tell apart what the champion was judged by: a set that teaches nonsense judges by nonsense too."""
    champion = models["champion"]
    root = settings.paths.state / "datasets" / "ranker"
    earlier = earlier_data(root, champion.card.dataset_hash, champion.tables.vocabulary)
    if earlier is None:
        return {"skipped": "the set that the champion learned from is no longer on disk"}
    rows = earlier.test.take(read_absent(settings).allows(earlier.test.user_ids, earlier.test.time))
    liked = rows.label > 0
    if not liked.any() or liked.all():
        return {"skipped": f"{earlier.folder} holds no later part with both kinds of choices"}
    logged = _logged(rows)
    return {
        "rows": len(liked),
        "simulated": bool(read_card(earlier.folder).get("simulated", True)),
        **{
            name: {"auc_before": round(auc(chances(model, logged, encoder), liked), 5)}
            for name, model in models.items()
        },
    }


def _rounded(found: Mapping[str, float], *, without: str = "") -> dict[str, float]:
    return {name: round(value, 5) for name, value in found.items() if name != without}
