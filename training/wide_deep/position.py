"""Position bias on simulated clicks: the ranker trained on them as they are, and corrected, judged by true tastes.

Lists are shown as a popularity-led policy orders them; a shop at position p is looked at with chance p ** -BIAS and then
clicked with the simulator's chance for that user. A tenth of the lists is shuffled: from those alone the chance of being
looked at is estimated (Wang et al. 2018). `ipw` divides clicks by it (Saito et al. 2020); `position_input` learns a logit
per position that serving leaves out; `naive` takes clicks for likings.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from naviyam.catalog.behavior import Behavior
from naviyam.evaluation.ranking import auc, ndcg_at_k, put_in_order
from naviyam.features.batch import Gatherer
from naviyam.features.build import Features, build_features
from naviyam.features.history import History
from naviyam.features.spec import FUNNEL_SCORES
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.learning.examination import fit_exponent
from naviyam.retrieval.encoder import Encoder
from naviyam.settings import Settings
from naviyam.simulation.clicks import click_chance, examination
from training.data import Samples, visits_of
from training.wide_deep.dataset import batch_of, query_vectors
from training.wide_deep.fit import optimizer_of
from training.wide_deep.loop import predict, to_tensors
from training.wide_deep.network import WideDeep
from training.wide_deep.sessions import SessionMaker
from training.wide_deep.world import World

BIAS: Final = 1.0
SHOWN: Final = 10
LISTS: Final = 40
"""Lists shown to each user."""

SHUFFLED: Final = 0.1
TRUE_BEST: Final = 5
BATCH: Final = 256
EPOCHS: Final = 3
JUDGED_EVERY: Final = 2
"""Every second user's clicks are not learned from; the rankers are judged on them."""

POPULARITY = FUNNEL_SCORES.stop - 1
METHODS = ("naive", "position_input", "ipw")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """Impressions [n]: the candidate's `row`, its 1-based `position`, whether it was clicked, and in a shuffled list."""

    row: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    clicked: npt.NDArray[np.bool_]
    shuffled: npt.NDArray[np.bool_]


def study(world: World, encoder: Encoder, settings: Settings) -> dict[str, Any]:
    """Return each method's figures against the simulator's true preference."""
    samples, features = _candidates(world, encoder, settings)
    chance = click_chance(
        np.concatenate(
            [
                world.tastes.utility(int(u), samples.shop[samples.user == u])
                for u in dict.fromkeys(samples.user.tolist())
            ]
        )
    )
    judged = samples.user % JUDGED_EVERY == 0
    rng = np.random.default_rng(world.seed)
    shown = show(samples.session, features.wide[:, POPULARITY], chance, ~judged, rng)
    propensity = estimate(shown)
    figures = {
        "logging_policy": _judge(features.wide[:, POPULARITY], samples, chance, judged),
        "true_taste": _judge(chance, samples, chance, judged),
    }
    for method in METHODS:
        score = _learn(features, shown, propensity, method, settings, world.seed)
        figures[method] = _judge(score, samples, chance, judged)
        figures[method]["mean_error"] = round(float(np.abs(score - chance)[judged].mean()), 4)
    return {
        "seed": world.seed,
        "impressions": len(shown.row),
        "click_rate": round(float(shown.clicked.mean()), 4),
        "propensity": [round(float(p), 3) for p in propensity],
        "true_propensity": [round(p**-BIAS, 3) for p in range(1, SHOWN + 1)],
        "judged_lists": len(np.unique(samples.session[judged])),
        "methods": figures,
    }


def show(
    session: npt.NDArray[np.int32],
    popularity: npt.NDArray[np.float32],
    chance: npt.NDArray[np.float64],
    learned: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Shown:
    """Show every learned session's candidates `LISTS` times and click."""
    parts = []
    for number in np.unique(session[learned]).tolist():
        rows = np.flatnonzero(session == number)
        for _ in range(LISTS):
            some = rng.choice(rows, min(2 * SHOWN, len(rows)), replace=False)
            order = some[np.argsort(-popularity[some] - 0.05 * rng.gumbel(size=len(some)))][:SHOWN]
            shuffled = rng.random() < SHUFFLED
            if shuffled:
                order = rng.permutation(order)
            position = np.arange(1, len(order) + 1)
            clicked = rng.random(len(order)) < examination(position, BIAS) * chance[order]
            parts.append((order, position, clicked, np.full(len(order), shuffled)))
    row, position, clicked, shuffled_rows = (np.concatenate(c) for c in zip(*parts, strict=True))
    return Shown(row=row, position=position, clicked=clicked, shuffled=shuffled_rows)


def estimate(shown: Shown) -> npt.NDArray[np.float64]:
    """Return the chance of being looked at by position [SHOWN], 1 at the first, from the shuffled lists alone."""
    position = shown.position[shown.shuffled]
    exponent = fit_exponent(position, shown.clicked[shown.shuffled], np.zeros_like(position))
    chance: npt.NDArray[np.float64] = np.arange(1, SHOWN + 1, dtype=np.float64) ** -exponent
    return chance


def _candidates(world: World, encoder: Encoder, settings: Settings) -> tuple[Samples, Features]:
    """Return each user's candidates of layer 1 at the user's last visit, in order of user, and their features."""
    maker = SessionMaker(world.catalog, world.behavior, settings)
    visits, _ = visits_of(world.catalog, world.behavior)
    last = len(visits.time) - 1 - np.unique(visits.user[::-1], return_index=True)[1]
    pools = [maker.pool(visits.take(np.array([i])), set(), int(visits.user[i])) for i in last]
    samples = Samples.join([p for p in pools if p is not None and len(p.shop) >= SHOWN])
    tables = FeatureTables(
        vocabulary=_vocabulary(world.behavior, samples, world.catalog.shop_ids),
        rates=CrossRates.empty(world.catalog.districts),
        good_influence_weight=settings.ranker_training.good_influence_weight,
    )
    gatherer = Gatherer(world.catalog, History(world.behavior, world.catalog), tables)
    batch = batch_of(
        samples, world.catalog, world.behavior, gatherer, tables, query_vectors(encoder)
    )
    return samples, build_features(batch, tables)


def _vocabulary(behavior: Behavior, samples: Samples, shop_ids: tuple[str, ...]) -> Vocabulary:
    learned = np.unique(samples.user[samples.user % JUDGED_EVERY != 0])
    return Vocabulary.of(
        users=(behavior.user_ids[u] for u in learned),
        shops=(shop_ids[s] for s in np.unique(samples.shop)),
        brands=(),
    )


def _learn(
    features: Features,
    shown: Shown,
    propensity: npt.NDArray[np.float64],
    method: str,
    settings: Settings,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Train on the impressions and return the chance of a liking for every candidate [n]."""
    torch.manual_seed(seed)
    options = settings.ranker_training
    network = WideDeep(
        _sizes_of(features), query_dimension=features.query.shape[1], dropout=options.dropout
    )
    by_position = nn.Parameter(torch.zeros(SHOWN))
    optimizer = optimizer_of(network, options)
    optimizer.add_param_group({"params": [by_position], "lr": options.wide_learning_rate})
    rows = to_tensors(features)
    row, place = torch.from_numpy(shown.row), torch.from_numpy(shown.position - 1)
    label = torch.from_numpy(shown.clicked.astype(np.float32))
    if method == "ipw":
        label = label / torch.from_numpy(propensity.astype(np.float32))[place]
    network.train()
    for _ in range(EPOCHS):
        for index in torch.split(torch.randperm(len(row)), BATCH):
            logit = network(rows.take(row[index]))
            if method == "position_input":
                logit = logit + by_position[place[index]] - by_position[0]
            # With clicks c over propensity p the label is c / p: its mean is the chance of a liking, whoever looked.
            loss = nn.functional.binary_cross_entropy_with_logits(logit, label[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    return predict(network, features)


def _sizes_of(features: Features) -> Vocabulary:
    """Return a vocabulary with as many rows as the features name."""
    return replace(
        Vocabulary(),
        users=tuple(str(i) for i in range(int(features.user.max()))),
        shops=tuple(str(i) for i in range(int(features.shop.max()))),
    )


def _judge(
    score: npt.NDArray[Any],
    samples: Samples,
    chance: npt.NDArray[np.float64],
    judged: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Return NDCG@5 and AUC with each user's `TRUE_BEST` candidates as the relevant ones."""
    groups = samples.session[judged]
    truth = put_in_order(chance[judged], np.zeros(int(judged.sum()), bool), groups)
    best = np.zeros(int(judged.sum()), bool)
    best[truth.row[truth.position < TRUE_BEST]] = True
    lists = put_in_order(score[judged], best, groups)
    return {
        "ndcg_at_5": round(ndcg_at_k(lists, 5), 4),
        "auc": round(auc(score[judged], best), 4),
    }
