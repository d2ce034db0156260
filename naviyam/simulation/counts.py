"""Counts and ratings of shops from events of behaviour. Pure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from naviyam.catalog.events import FAVORITE, ORDER, REVIEW, VIEW, Events
from naviyam.catalog.types import Shop


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
