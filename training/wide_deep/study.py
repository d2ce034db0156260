"""`python -m training.wide_deep.study`: the two layers, each funnel, peers and ablations on simulated behaviour.

One row of the table is one way to order the same candidate lists: what layer 1 found (100 at most) for a user at the
user's first visit after the cut; relevant is what the user visits from then on. Models see the time before the cut only.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam import versions
from naviyam.catalog.store import Catalog
from naviyam.errors import NaviyamError
from naviyam.evaluation.ranking import (
    auc,
    calibration_curve,
    expected_calibration_error,
    ndcg_values,
    put_in_order,
    report,
)
from naviyam.features.spec import FUNNEL_SCORES, WIDE_INDEX
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.search import FUNNELS
from naviyam.settings import Settings
from training.data import visits_of
from training.wide_deep import loop, peers, position
from training.wide_deep.dataset import Prepared, Split, prepare
from training.wide_deep.world import World, make_world

Scores = npt.NDArray[np.floating[Any]]
DISTRICT_LISTS = 8
"""A district is shown from this many lists on; below it a mean says nothing."""


def study(world: World, encoder: Encoder, settings: Settings, *, ablations: bool) -> dict[str, Any]:
    """Return figures of every system over the same lists, and by cold users and districts."""
    prepared = prepare(world.catalog, world.behavior, encoder, settings)
    models = _models(prepared, settings, ablations=ablations)
    pools, test = prepared.pools, prepared.test
    peer_scores, peer_settings = _peer_scores(world, prepared)
    scores: dict[str, Scores] = {
        "random": np.random.default_rng(0).random(len(pools.samples.shop)),
        **_funnel_scores(pools),
        **peer_scores,
        **{
            name: loop.predict(m.network, parts[0].features) for name, (m, *parts) in models.items()
        },
    }
    systems = {name: _figures(s, pools, prepared) for name, s in scores.items()}
    liked = test.samples.label > 0
    for name, (model, _, held) in models.items():
        chance = loop.predict(model.network, held.features)
        systems[name]["auc_samples"] = round(auc(chance, liked), 4)
        systems[name]["ece"] = round(expected_calibration_error(chance, liked), 4)
        if name == "wide_deep":
            curve = calibration_curve(chance, liked)
    shown = ("popularity", "funnels_mean", "item_knn", "wide_deep")
    return {
        "seed": world.seed,
        "users": len(world.behavior.user_ids),
        "shops": world.catalog.size,
        "lists": systems["wide_deep"]["groups"],
        "candidate_recall": prepared.card["candidate_recall"],
        "rows": prepared.card["rows"],
        "systems": systems,
        "peer_settings": peer_settings,
        "by_past": _by_past({n: scores[n] for n in shown}, pools, world),
        "by_district": _by_district({n: scores[n] for n in shown}, pools, world),
        "calibration": [[round(a, 4), round(b, 4), n] for a, b, n in curve],
    }


def _models(
    prepared: Prepared, settings: Settings, *, ablations: bool
) -> dict[str, tuple[loop.Trained, Split, Split]]:
    """Return the trained ranker and its ablations, each with the pools and test rows as it reads them."""
    options = settings.ranker_training
    found = {"wide_deep": (loop.train(prepared, options), prepared.pools, prepared.test)}
    if ablations:
        found["wide_only"] = (
            loop.train(prepared, options, parts="wide"),
            prepared.pools,
            prepared.test,
        )
        found["deep_only"] = (
            loop.train(prepared, options, parts="deep"),
            prepared.pools,
            prepared.test,
        )
        if prepared.train.features.wide[:, WIDE_INDEX["good_influence"]].any():
            other = _undamped(prepared, options.good_influence_weight)
            found["undamped"] = (loop.train(other, options), other.pools, other.test)
    return found


def _undamped(prepared: Prepared, weight: float) -> Prepared:
    """Return the data with the good-influence flag at its full size."""
    at = WIDE_INDEX["good_influence"]

    def whole(split: Split) -> Split:
        wide = split.features.wide.copy()
        wide[:, at] /= weight
        return replace(split, features=replace(split.features, wide=wide))

    return replace(
        prepared,
        train=whole(prepared.train),
        test=whole(prepared.test),
        pools=whole(prepared.pools),
        tables=replace(prepared.tables, good_influence_weight=1.0),
    )


def _funnel_scores(pools: Split) -> dict[str, Scores]:
    columns = pools.features.wide[:, FUNNEL_SCORES]
    return {
        **{name: columns[:, i] for i, name in enumerate(FUNNELS)},
        "funnels_mean": columns.mean(axis=1),
    }


def _peer_scores(
    world: World, prepared: Prepared
) -> tuple[dict[str, Scores], dict[str, peers.Setting]]:
    """Return the peers' scores of the lists, and the settings that each chose before the cut."""
    visits, _ = visits_of(world.catalog, world.behavior)
    cut = int(prepared.test.samples.time.min())
    users, shops = len(world.behavior.user_ids), world.catalog.size
    s, lists = prepared.pools.samples, prepared.train.samples
    scores: dict[str, Scores] = {}
    settings: dict[str, peers.Setting] = {}
    for peer in peers.installed():
        chosen, found = peers.fit(
            peer, visits, cut, lists, users=users, shops=shops, seed=world.seed
        )
        settings[peer.name], scores[peer.name] = chosen, found[s.user, s.shop]
    return scores, settings


def _figures(scores: Scores, pools: Split, prepared: Prepared) -> dict[str, Any]:
    found = report(
        scores,
        relevant=pools.samples.label > 0,
        groups=pools.samples.session,
        items=pools.samples.shop,
        kinds=pools.category,
        catalog_size=prepared.catalog_size,
    )
    return found.to_dict()


def _by_past(
    scores: Mapping[str, Scores], pools: Split, world: World
) -> dict[str, dict[str, float | int]]:
    cold = world.cold[_first(pools, pools.samples.user)]
    return {
        name: _means(scores, pools, chosen) for name, chosen in (("cold", cold), ("known", ~cold))
    }


def _by_district(
    scores: Mapping[str, Scores], pools: Split, world: World
) -> dict[str, dict[str, float | int]]:
    districts = np.array(world.behavior.user_district)[_first(pools, pools.samples.user)]
    found = {str(d): _means(scores, pools, districts == d) for d in np.unique(districts) if d}
    enough = {d: row for d, row in found.items() if row["lists"] >= DISTRICT_LISTS}
    return dict(sorted(enough.items(), key=lambda item: -item[1]["lists"])[:8])


def _first(pools: Split, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one value per list, in the order of `np.unique(session)`."""
    return values[np.unique(pools.samples.session, return_index=True)[1]]


def _means(
    scores: Mapping[str, Scores], pools: Split, chosen: npt.NDArray[np.bool_]
) -> dict[str, float | int]:
    relevant, groups = pools.samples.label > 0, pools.samples.session
    row: dict[str, float | int] = {}
    for name, values in scores.items():
        lists = put_in_order(values, relevant, groups)
        counted = chosen & (lists.total_relevant > 0)
        row["lists"] = int(counted.sum())
        row[name] = round(float(ndcg_values(lists, 5)[counted].mean()), 4) if counted.any() else 0.0
    return row


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.wide_deep.study", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--users", type=int, default=300, help="simulated users a seed")
    parser.add_argument("--seeds", type=int, default=1, help="worlds, from seed 101 on")
    parser.add_argument("--no-position", action="store_true", help="leave the click study out")
    arguments = parser.parse_args(argv)
    if arguments.users < 50 or arguments.seeds < 1:
        parser.error("--users must be at least 50 and --seeds at least 1")
    try:
        settings = Settings.load(arguments.config)
        catalog = Catalog.load(versions.current(settings.paths.catalog))
        encoder = load_encoder(settings.retrieval)
        worlds, clicks = [], []
        for seed in range(101, 101 + arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                world = make_world(catalog, Path(folder) / "t", users=arguments.users, seed=seed)
                sys.stderr.write(f"world {seed}: {len(world.behavior.time)} simulated events\n")
                worlds.append(study(world, encoder, settings, ablations=True))
                if not arguments.no_position:
                    sys.stderr.write(f"world {seed}: clicks\n")
                    clicks.append(position.study(world, encoder, settings))
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    found = {"catalog": catalog.version, "worlds": worlds, "clicks": clicks}
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
