"""From imported shops to a published version of the catalogue; what the command line calls.

Simulates behaviour where there is none (and says so in the card), writes pseudonyms only, publishes atomically.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from naviyam import versions
from naviyam.catalog.events import FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.tables import write_tables
from naviyam.catalog.types import Menu, Shop
from naviyam.ids import load_or_create_key, pseudonym
from naviyam.request import UserProfile
from naviyam.settings import Settings
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.shops import sample_shops


def publish(
    shops: Sequence[Shop],
    menus: Sequence[Menu],
    users: Sequence[UserProfile],
    events: Events,
    *,
    settings: Settings,
    now: datetime,
    card: Mapping[str, Any],
) -> Path:
    """Write a new version under `settings.paths.catalog`, make it current, and return its folder."""
    key = load_or_create_key(settings.paths.user_key)
    hidden = [replace(u, user_id=pseudonym(u.user_id, key=key)) for u in users]
    full_card = {
        "shops": len(shops),
        "menus": len(menus),
        "users": len(users),
        "events": len(events),
        **card,
    }

    def write(folder: Path) -> None:
        write_tables(folder, shops, menus, hidden, events, full_card)

    return versions.publish(settings.paths.catalog, versions.version_name(now), write)


def with_counts(shops: Sequence[Shop], events: Events, *, ratings: bool) -> list[Shop]:
    """Return the shops with counts from events; `ratings` also takes the mean of the reviews' stars.

    Simulated stars over a real shop would be an invented fact, so ratings are only for what is wholly a sample.
    """
    n = len(shops)
    counts = {
        kind: np.bincount(events.shop[events.kind == kind], minlength=n)
        for kind in (VIEW, ORDER, FAVORITE, REVIEW)
    }
    review = events.kind == REVIEW
    stars = np.bincount(events.shop[review], weights=events.value[review], minlength=n)
    result = []
    for row, shop in enumerate(shops):
        reviews = int(counts[REVIEW][row])
        rating = round(float(stars[row]) / reviews, 2) if ratings and reviews else shop.rating
        result.append(
            replace(
                shop,
                rating=rating,
                view_count=int(counts[VIEW][row]),
                order_count=int(counts[ORDER][row]),
                favorite_count=int(counts[FAVORITE][row]),
                review_count=reviews if ratings else shop.review_count,
            )
        )
    return result


def from_sample(settings: Settings, now: datetime) -> Path:
    """Publish the invented shops of the sample workbook, seeded by `settings.seed`; return the folder."""
    shops, menus = sample_shops(random.Random(settings.seed))
    users, events = simulate_behavior(shops, menus, now=now, seed=settings.seed)
    card = {"sources": ["sample"], "seed": settings.seed}
    counted = with_counts(shops, events, ratings=True)
    return publish(counted, menus, users, events, settings=settings, now=now, card=card)
