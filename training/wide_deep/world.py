"""A simulated town to evaluate in: the shops of a catalogue, new users with known tastes, some of them without a past."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog, write_tables
from naviyam.simulation.behavior import Tastes, simulate_behavior
from naviyam.simulation.counts import with_counts
from training.data import as_of, visits_of
from training.wide_deep.dataset import TRAIN_SHARE

NOW: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAYS: Final = 90
COLD_EVERY: Final = 6
"""Every sixth user's early behaviour is taken away: cold users, whose later visits are still judged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """What a ranker may know (`catalog`, `behavior`), and what only the judge knows (`tastes`)."""

    catalog: Catalog
    behavior: Behavior
    tastes: Tastes
    cold: npt.NDArray[np.bool_]
    """Which users [u] have no past."""

    seed: int


def make_world(shops_of: Catalog, folder: Path, *, users: int, seed: int) -> World:
    """Simulate over the shops of a catalogue; the tables go to `folder`, which must be new."""
    shops = [shops_of.shop(row) for row in range(shops_of.size)]
    menus = [menu for row in range(shops_of.size) for menu in shops_of.menus(row)]
    people, events = simulate_behavior(shops, menus, now=NOW, seed=seed, users=users, days=DAYS)
    folder.mkdir(parents=True)
    write_tables(folder, with_counts(shops, events, ratings=False), menus, people, events, {})
    catalog = Catalog.load(folder)
    whole = Behavior.load(folder, catalog)
    cold = np.arange(users) % COLD_EVERY == COLD_EVERY - 1
    behavior, counted = _without_past(whole, cold, catalog)
    return World(
        catalog=counted,
        behavior=behavior,
        tastes=Tastes(shops, menus, seed=seed, users=users),
        cold=cold,
        seed=seed,
    )


def _without_past(
    whole: Behavior, cold: npt.NDArray[np.bool_], catalog: Catalog
) -> tuple[Behavior, Catalog]:
    """Return both without what cold users did before the cut that the rest leads to; counts go with the events."""
    behavior = whole
    for _ in range(4):
        cut = int(np.quantile(visits_of(catalog, behavior)[0].time, TRAIN_SHARE))
        gone = cold[whole.user] & (whole.time < cut)
        names = ("user", "shop", "kind", "value", "time")
        behavior = replace(whole, **{name: getattr(whole, name)[~gone] for name in names})
    removed = replace(whole, **{name: getattr(whole, name)[gone] for name in names})
    return behavior, as_of(catalog, removed, 0)[0]
