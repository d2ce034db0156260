"""The plain training loop of the ranker: one process, no Ray. Same data, seed and threads give the same weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from naviyam import versions
from naviyam.errors import ConfigError
from naviyam.evaluation.ranking import RankingReport, auc, expected_calibration_error, report
from naviyam.features.build import Features
from naviyam.features.spec import FUNNEL_SCORES, WIDE_INDEX, schema_hash
from naviyam.ranker.artifact import WEIGHTS_FILE, ModelCard, file_digests
from naviyam.settings import RankerTraining
from training.wide_deep.dataset import Prepared, Split
from training.wide_deep.network import Batch, Parts, WideDeep

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
    torch.set_num_threads(threads)
    torch.manual_seed(options.seed)
    network = WideDeep(
        prepared.tables.vocabulary,
        query_dimension=prepared.train.features.query.shape[1],
        dropout=options.dropout,
    )
    network.keep_only(parts)
    optimizer = optimizer_of(network, options)
    data = to_tensors(prepared.train.features)
    label = torch.from_numpy(prepared.train.samples.label)
    weight = torch.from_numpy(prepared.train.samples.weight)
    weight = weight / weight.mean()
    early, late = _by_time(prepared.train.samples.time)
    losses, best, kept = [], math.inf, tensors_of(network)
    for _ in range(options.epochs):
        order = early[torch.randperm(len(early))]
        losses.append(_epoch(network, optimizer, data, label, weight, order, options.batch_size))
        loss = _loss(network, data, label, weight, late)
        if loss < best:
            best, kept = loss, {k: v.clone() for k, v in tensors_of(network).items()}
    network.load_state_dict(kept)
    _calibrate(network, data.take(late), label[late])
    metrics, reports = evaluate(network, prepared)
    metrics["validation_loss"] = round(best, 4)
    return Trained(network=network, losses=tuple(losses), metrics=metrics, reports=reports)


def optimizer_of(network: WideDeep, options: RankerTraining) -> torch.optim.Optimizer:
    """Return Adam with a rate of its own for the wide part, as Cheng et al. 2016 train the parts apart.

    At the rate of the embeddings its few weights hardly leave their start, and shop ids learn in their stead what
    distance and price could have said of every shop.
    """
    wide: dict[str, Any] = {"params": [network.wide.weight], "lr": options.wide_learning_rate}
    rest = [p for p in network.parameters() if p is not network.wide.weight]
    deep: dict[str, Any] = {"params": rest}
    return torch.optim.Adam([deep, wide], lr=options.learning_rate, fused=True)


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
        "log_loss": round(_log_loss(scores, liked), 4),
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
        prepared.tables.save(folder)
        save_file(tensors_of(trained.network), folder / WEIGHTS_FILE)
        ModelCard(
            version=version,
            parent=parent,
            base=None,
            dataset_hash=str(prepared.card["hash"]),
            metrics=trained.metrics,
            feature_schema_hash=schema_hash(),
            encoder=encoder,
            encoder_dimension=int(prepared.train.features.query.shape[1]),
            code_version=code_version,
            seed=seed,
            simulated=bool(prepared.card["simulated"]),
            digests=file_digests(folder),
        ).save(folder)

    return versions.publish(root, version, write)


def tensors_of(network: WideDeep) -> dict[str, torch.Tensor]:
    """Return the parameters by name, contiguous float32, as `ranker.artifact.shapes` lists them."""
    return {k: v.detach().contiguous().float() for k, v in network.state_dict().items()}


def _by_time(time: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows to train on and the later ones to validate on."""
    late = time >= np.quantile(time, 1 - VALIDATION_SHARE)
    if late.all():
        late[: len(late) // 2] = False
    return torch.from_numpy(np.flatnonzero(~late)), torch.from_numpy(np.flatnonzero(late))


def _epoch(
    network: WideDeep,
    optimizer: torch.optim.Optimizer,
    data: Batch,
    label: torch.Tensor,
    weight: torch.Tensor,
    order: torch.Tensor,
    batch_size: int,
) -> float:
    network.train()
    total = torch.zeros(())
    for index in torch.split(order, batch_size):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(data.take(index)), label[index], weight=weight[index]
        )
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach() * len(index)
    if not math.isfinite(float(total)):
        raise ConfigError("the loss is not finite; lower ranker_training.learning_rate")
    return float(total) / max(len(order), 1)


def _loss(
    network: WideDeep, data: Batch, label: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor
) -> float:
    network.eval()
    with torch.inference_mode():
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(data.take(rows)), label[rows], weight=weight[rows]
        )
    return float(loss)


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


def _log_loss(scores: F32, liked: npt.NDArray[np.bool_]) -> float:
    p = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(liked, np.log(p), np.log(1 - p))))
