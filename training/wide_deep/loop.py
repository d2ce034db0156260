"""The initial training of the ranker in one process, its evaluation and its files. No Ray.

Same data, seed and threads give the same weights. The epochs are `training.wide_deep.fit`'s.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from naviyam import versions
from naviyam.evaluation.ranking import RankingReport, auc, expected_calibration_error, report
from naviyam.features.build import Features
from naviyam.features.spec import FUNNEL_SCORES, WIDE_INDEX
from naviyam.settings import RankerTraining
from training.wide_deep.dataset import Prepared, Split
from training.wide_deep.fit import (
    Fitted,
    Rates,
    Task,
    Trainee,
    optimizer_of,
    tensors_of,
    window_of,
    windows_of,
)
from training.wide_deep.network import Batch, Parts, WideDeep
from training.wide_deep.output import fill_model
from training.wide_deep.rows import Rows, rows_of

__all__ = ["optimizer_of", "tensors_of"]

F32 = npt.NDArray[np.float32]
VALIDATION_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A trained network, the mean training loss of every epoch, and its held-out figures."""

    network: WideDeep
    losses: tuple[float, ...]
    metrics: Mapping[str, Any]
    reports: Mapping[str, RankingReport]


def train(
    prepared: Prepared, options: RankerTraining, *, threads: int = 1, parts: Parts = "both"
) -> Trained:
    """Train `options.epochs` epochs on the earlier part and evaluate on the later one.

    The last `VALIDATION_SHARE` of the earlier part is not trained on: it picks the epoch whose weights are kept and
    sets the scale of the logits (Platt), since sample weights shift what a score means. `threads` becomes the
    process's torch thread count. `parts` is for ablations; what is served has both.
    """
    task, early = task_of(prepared, options, threads=threads, parts=parts)
    fitted = Trainee(task).fit(windows_of(early, task))
    return finished(fitted, task, prepared)


def task_of(
    prepared: Prepared, options: RankerTraining, *, threads: int = 1, parts: Parts = "both"
) -> tuple[Task, Rows]:
    """Return what is to be learned and the rows to learn from, the last `VALIDATION_SHARE` left out."""
    part = prepared.train
    rows, queries = rows_of(part.features, part.samples.label, part.samples.weight)
    early, late = by_time(part.samples.time)
    task = Task(
        vocabulary=prepared.tables.vocabulary,
        queries=queries,
        late=rows.take(late),
        mean_weight=float(rows.weight.mean()),
        rates=rates_of(options, threads=threads),
        parts=parts,
    )
    return task, rows.take(early)


def rates_of(options: RankerTraining, *, threads: int = 1) -> Rates:
    """Return the rates of an initial training."""
    return Rates(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        wide_learning_rate=options.wide_learning_rate,
        dropout=options.dropout,
        seed=options.seed,
        shuffle_window=options.shuffle_window,
        threads=threads,
    )


def finished(fitted: Fitted, task: Task, prepared: Prepared) -> Trained:
    """Return the calibrated network of the best epoch with its held-out figures."""
    network = calibrated(fitted, task)
    metrics, reports = evaluate(network, prepared)
    metrics["validation_loss"] = round(min(fitted.validation, default=math.inf), 4)
    return Trained(network=network, losses=fitted.losses, metrics=metrics, reports=reports)


def calibrated(fitted: Fitted, task: Task) -> WideDeep:
    """Return the network with the scale of its logits set on the validation rows (Platt)."""
    network = WideDeep(
        task.vocabulary, query_dimension=task.queries.shape[1], dropout=task.rates.dropout
    )
    network.load_state_dict(dict(fitted.tensors))
    late = window_of(task.late, task)
    _calibrate(network, late.batch, late.label)
    return network


def to_tensors(features: Features) -> Batch:
    """Return the features as tensors, one query per row."""
    query = np.broadcast_to(features.query, (len(features.wide), features.query.shape[1]))
    dense = np.concatenate([features.wide, features.numeric, query], axis=1)
    ids = np.stack([features.user, features.shop, features.brand, features.category], axis=1)
    return Batch(dense=torch.from_numpy(dense), ids=torch.from_numpy(ids.astype(np.int64)))


def predict(network: WideDeep, features: Features) -> F32:
    """Return the probabilities [n] of a network in evaluation mode."""
    with torch.inference_mode():
        out: F32 = torch.sigmoid(network(to_tensors(features))).numpy()
    return out


def evaluate(
    network: WideDeep, prepared: Prepared
) -> tuple[dict[str, Any], dict[str, RankingReport]]:
    """Return the held-out figures and, over the same pools, the reports of the model and two baselines."""
    pools = prepared.pools
    popularity = (
        pools.features.wide[:, WIDE_INDEX["order_volume"]]
        + 1e-3 * pools.features.wide[:, FUNNEL_SCORES.stop - 1]
    )
    chance = np.random.default_rng(0).random(len(popularity))
    reports = {
        "wide_deep": _report(predict(network, pools.features), pools, prepared),
        "popularity": _report(popularity, pools, prepared),
        "random": _report(chance, pools, prepared),
    }
    scores = predict(network, prepared.test.features)
    liked = prepared.test.samples.label > 0
    metrics = {
        "auc": round(auc(scores, liked), 4),
        "ece": round(expected_calibration_error(scores, liked), 4),
        "log_loss": round(log_loss(scores, liked), 4),
        "candidate_recall": prepared.card["candidate_recall"],
        "ranking": {name: r.to_dict() for name, r in reports.items()},
    }
    return metrics, reports


def save(
    root: Path,
    version: str,
    trained: Trained,
    prepared: Prepared,
    *,
    encoder: str,
    seed: int,
    code_version: str,
    parent: str | None = None,
) -> Path:
    """Publish weights, feature tables and `model.json` as a version under `root`; return its folder."""

    def write(folder: Path) -> None:
        fill_model(
            folder,
            version=version,
            **contents(trained, prepared, encoder, seed, code_version, parent),
        )

    return versions.publish(root, version, write)


def contents(
    trained: Trained,
    prepared: Prepared,
    encoder: str,
    seed: int,
    code_version: str,
    parent: str | None = None,
) -> dict[str, Any]:
    """Return what `output.fill_model` and `output.write_model` write of an initial training."""
    return {
        "tensors": {k: v.numpy() for k, v in tensors_of(trained.network).items()},
        "tables": prepared.tables,
        "metrics": trained.metrics,
        "dataset_hash": str(prepared.card["hash"]),
        "simulated": bool(prepared.card["simulated"]),
        "encoder": encoder,
        "encoder_dimension": int(prepared.train.features.query.shape[1]),
        "seed": seed,
        "code_version": code_version,
        "parent": parent,
    }


def by_time(
    time: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows to train on and the later ones to validate on."""
    late = time >= np.quantile(time, 1 - VALIDATION_SHARE)
    if late.all():
        late[: len(late) // 2] = False
    return np.flatnonzero(~late), np.flatnonzero(late)


def _calibrate(network: WideDeep, data: Batch, label: torch.Tensor) -> None:
    """Fold the scale and shift that fit unweighted labels best into the last layers; the order stays."""
    network.eval()
    with torch.inference_mode():
        scale, shift = platt(network(data).double().numpy(), label.double().numpy())
    last = cast(nn.Linear, network.deep[-1])
    with torch.no_grad():
        network.wide.weight.mul_(scale)
        last.weight.mul_(scale)
        last.bias.mul_(scale).add_(shift)


def platt(logit: npt.NDArray[np.float64], label: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return scale (at least 0.05) and shift of logits by penalised Newton steps (Platt 1999); (1, 0) means as is."""
    x = np.stack([logit, np.ones_like(logit)], axis=1)
    start = np.array([1.0, 0.0])
    beta = start.copy()
    for _ in range(25):
        p = 0.5 * (1 + np.tanh(0.5 * (x @ beta)))
        gradient = x.T @ (p - label) + (beta - start)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.eye(2)
        beta = beta - np.linalg.solve(curvature, gradient)
    if not np.isfinite(beta).all():
        return 1.0, 0.0
    return max(float(beta[0]), 0.05), float(beta[1])


def _report(scores: npt.NDArray[Any], pools: Split, prepared: Prepared) -> RankingReport:
    return report(
        scores,
        relevant=pools.samples.label > 0,
        groups=pools.samples.session,
        items=pools.samples.shop,
        kinds=pools.category,
        catalog_size=prepared.catalog_size,
    )


def log_loss(scores: F32, liked: npt.NDArray[np.bool_]) -> float:
    """Return the mean negative log likelihood of the labels."""
    p = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(liked, np.log(p), np.log(1 - p))))
