"""A ranker that goes on learning: the parent's weights, grown for new ids, and the latest logged answers.

Cross rates stay the parent's: the logged features were made with them. A share of the parent's own samples is learned
again, and the figures on its held-out part stand beside the new ones. Who asked to be forgotten or agreed to nothing is in
neither, and has no row in the vocabulary any more.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.errors import ConfigError
from naviyam.evaluation.ranking import (
    auc,
    expected_calibration_error,
    ndcg_at_k,
    put_in_order,
)
from naviyam.features.build import Features
from naviyam.features.tables import FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.ranker.artifact import Artifact, load_artifact
from naviyam.ranker.forward import logits, probabilities
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.settings import Settings
from training.datasets.absent import Absent, read_absent
from training.datasets.read import RankerRows, RankerSet, read_ranker
from training.wide_deep.fit import Fitted, Rates, Task, Trainee, windows_of
from training.wide_deep.growth import grown_tensors, kept_tensors
from training.wide_deep.logged import Earlier, Queries, earlier_data, rows_of_logged
from training.wide_deep.loop import by_time, calibrated, log_loss
from training.wide_deep.output import write_model
from training.wide_deep.rows import F32, Rows, features_of

Fit = Callable[[Task, Rows], Fitted]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """All that an incremental training learns from and is judged on."""

    task: Task
    rows: Rows
    parent: Artifact
    tables: FeatureTables
    encoder: str
    card: Mapping[str, Any]
    tests: Mapping[str, tuple[Rows, RankerRows]]
    """`new`: the later logged answers; `old`: what the parent was held to, where it is on disk."""

    replayed: int


def fit_here(task: Task, rows: Rows) -> Fitted:
    """Run the plain loop in this process."""
    return Trainee(task).fit(windows_of(rows, task))


def plan(
    settings: Settings,
    data: Path,
    parent: Path,
    *,
    encoder: Encoder | None = None,
    threads: int = 1,
) -> Plan:
    """Read both data sets, grow the vocabulary by the earlier part's ids, and split off what validates.

    Raises:
        ArtifactError: the parent or the data set is damaged or of other features.
        ConfigError: the parent was trained with another encoder, or the data set's part to learn from is empty.
    """
    encoder = encoder or load_encoder(settings.retrieval)
    artifact = load_artifact(parent)
    logged, earlier, before = _present(settings, data, artifact)
    _check(artifact, encoder, logged, data)
    after = before.grown(
        users=logged.train.user_ids.tolist(),
        shops=logged.train.shop_ids.tolist(),
        brands=logged.train.brands.tolist(),
    )
    used = [logged.train, logged.test, *([earlier.train, earlier.test] if earlier else [])]
    queries = Queries.of((q for part in used for q in part.queries.tolist()), encoder)
    rows, late = _parts(rows_of_logged(logged.train, after, queries), logged.train.time)
    options, seed = settings.ranker_training.incremental, settings.ranker_training.seed
    replayed = 0
    if earlier is not None and len(earlier.train.label) and options.replay_share > 0:
        most = round(len(rows) * options.replay_share / (1 - options.replay_share))
        old = _replayed(earlier, most, seed)
        old_rows, old_late = _parts(rows_of_logged(old, after, queries), old.time)
        replayed = len(old_rows)
        rows = _mixed(Rows.join([old_rows, rows]), seed)
        late = Rows.join([old_late, late])
    tests = {"new": (rows_of_logged(logged.test, after, queries), logged.test)}
    if earlier is not None:
        tests["old"] = (rows_of_logged(earlier.test, after, queries), earlier.test)
    return Plan(
        task=Task(
            vocabulary=after,
            queries=queries.vectors,
            late=late,
            mean_weight=float(rows.weight.mean()),
            rates=rates_of(settings, threads=threads),
            start=grown_tensors(
                kept_tensors(artifact.tensors, artifact.tables.vocabulary, before), before, after
            ),
        ),
        rows=rows,
        parent=artifact,
        tables=replace(artifact.tables, vocabulary=after),
        encoder=encoder.name,
        card=logged.card,
        tests=tests,
        replayed=replayed,
    )


def rates_of(settings: Settings, *, threads: int = 1) -> Rates:
    """Return the rates of an incremental training."""
    initial, options = settings.ranker_training, settings.ranker_training.incremental
    return Rates(
        epochs=options.epochs,
        batch_size=initial.batch_size,
        learning_rate=options.learning_rate,
        wide_learning_rate=options.wide_learning_rate,
        dropout=initial.dropout,
        seed=initial.seed,
        shuffle_window=initial.shuffle_window,
        threads=threads,
    )


def finish(plan: Plan, fitted: Fitted, out: Path, *, code_version: str) -> dict[str, Any]:
    """Calibrate, judge beside the parent, and write the model into `out`; return what to say of it."""
    network = calibrated(fitted, plan.task)
    tensors = {k: v.detach().numpy() for k, v in network.state_dict().items()}
    start = plan.task.start
    assert start is not None
    before = {k: v.numpy() for k, v in start.items()}
    metrics: dict[str, Any] = {
        "validation_loss": round(min(fitted.validation, default=math.inf), 4),
        "rows": {"new": len(plan.rows) - plan.replayed, "replayed": plan.replayed},
        "new_ids": {
            kind: len(plan.tables.vocabulary.new(kind, plan.parent.tables.vocabulary))
            for kind in ("users", "shops", "brands")
        },
    }
    for name, (rows, logged) in plan.tests.items():
        features = features_of(rows, plan.task.queries)
        figures = _figures(features, tensors, logged)
        metrics |= figures if name == "new" else {"on_parents_test": figures}
        key = "parent" if name == "new" else "parent_on_its_test"
        metrics[key] = _figures(features, before, logged)
    version = write_model(
        out,
        tensors=tensors,
        tables=plan.tables,
        metrics=metrics,
        dataset_hash=str(plan.card["hash"]),
        simulated=bool(plan.card["simulated"]) or plan.parent.card.simulated,
        encoder=plan.encoder,
        encoder_dimension=plan.task.queries.shape[1],
        seed=plan.task.rates.seed,
        code_version=code_version,
        parent=plan.parent.card.version,
    )
    return {
        "folder": str(out),
        "version": version,
        "parent": plan.parent.card.version,
        "simulated": bool(plan.card["simulated"]) or plan.parent.card.simulated,
        "metrics": metrics,
        "losses": [round(x, 4) for x in fitted.losses],
        "validation": [round(x, 4) for x in fitted.validation],
    }


def _present(
    settings: Settings, data: Path, artifact: Artifact
) -> tuple[RankerSet, Earlier | None, Vocabulary]:
    """Return the data set, the parent's and the parent's vocabulary, all without the absent."""
    absent, logged = read_absent(settings), read_ranker(data)
    known = artifact.tables.vocabulary
    root = settings.paths.state / "datasets" / "ranker"
    earlier = earlier_data(root, artifact.card.dataset_hash, known)
    until = None if earlier is None else earlier.until()
    known = known.without(absent.left(known.users, until))
    logged = replace(
        logged, train=_allowed(logged.train, absent), test=_allowed(logged.test, absent)
    )
    if earlier is not None:
        earlier = replace(
            earlier,
            train=_before(_allowed(earlier.train, absent), int(logged.card.get("cut_us", 0))),
            test=_allowed(earlier.test, absent),
        )
    return logged, earlier, known


def _allowed(rows: RankerRows, absent: Absent) -> RankerRows:
    return rows.take(absent.allows(rows.user_ids, rows.time))


def _before(rows: RankerRows, cut_us: int) -> RankerRows:
    """Return what surely lies before the cut of the new set, whose later part is to judge; all without a cut."""
    return rows.take((rows.time + 1) * 1_000_000 <= cut_us) if cut_us else rows


def _check(artifact: Artifact, encoder: Encoder, logged: RankerSet, data: Path) -> None:
    card = artifact.card
    if (card.encoder, card.encoder_dimension) != (encoder.name, encoder.dimension):
        raise ConfigError(
            f"the parent was trained with encoder {card.encoder} ({card.encoder_dimension}), configured is "
            f"{encoder.name} ({encoder.dimension}); set retrieval.encoder back or train from the start"
        )
    if len(logged.train.label) < 2 or not logged.train.label.any():
        raise ConfigError(
            f"{data} has {len(logged.train.label)} rows to learn from, "
            f"{int(logged.train.label.sum())} of them liked; wait for more feedback"
        )


def _parts(rows: Rows, time: npt.NDArray[np.int64]) -> tuple[Rows, Rows]:
    early, late = by_time(time)
    return rows.take(early), rows.take(late)


def _replayed(earlier: Earlier, most: int, seed: int) -> RankerRows:
    """Return at most so many of the parent's training rows, drawn by the seed, in their order."""
    n = len(earlier.train.label)
    return earlier.train.take(np.sort(np.random.default_rng(seed).permutation(n)[:most]))


def _mixed(rows: Rows, seed: int) -> Rows:
    """Return the rows in a seeded order, so that old and new stand in every window."""
    return rows.take(np.random.default_rng(seed).permutation(len(rows)))


def _figures(features: Features, tensors: Mapping[str, F32], logged: RankerRows) -> dict[str, Any]:
    """Return the held-out figures of logged answers, each answer a list."""
    liked = logged.label > 0
    if not len(liked) or liked.all() or not liked.any():
        return {"auc": None, "ndcg_at_5": None, "rows": len(liked)}
    scores = probabilities(logits(features, tensors))
    lists = put_in_order(scores, liked, logged.session)
    return {
        "auc": round(auc(scores, liked), 4),
        "ndcg_at_5": round(ndcg_at_k(lists, 5), 4),
        "ece": round(expected_calibration_error(scores, liked), 4),
        "log_loss": round(log_loss(scores, liked), 4),
        "rows": len(liked),
    }
