"""UCI restaurant ratings as arrays (Vargas-Govea et al. 2011): who rated what, how near and how fitting it is. No copies."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from naviyam.errors import InputError
from training.movielens.ratings import Ratings

F32 = npt.NDArray[np.float32]
FILES = ("uci_restaurant_ratings", "uci_restaurant_items", "uci_restaurant_users")
PRICES = ("low", "medium", "high")
_NEAR_KM = 1.0
"""Distance at which nearness has fallen to 1/e, as in the contextual funnel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Restaurants:
    """`ratings` (0 to 2 stars), and [users, items]: `near` in 0..1, `fitting` in 0..1."""

    ratings: Ratings
    near: F32
    fitting: F32


def read_restaurants(folder: Path) -> Restaurants:
    """Read the three files of `../shared/data/recsys`.

    Raises:
        InputError: a file is missing or lacks a column.
    """
    rated, shops, people = (_rows(folder / f"{name}.csv.gz") for name in FILES)
    try:
        items = {row["placeID"]: i for i, row in enumerate(shops)}
        users = {row["userID"]: i for i, row in enumerate(people)}
        kept = [r for r in rated if r["placeID"] in items and r["userID"] in users]
        ratings = Ratings(
            user=np.array([users[r["userID"]] for r in kept], np.int64),
            item=np.array([items[r["placeID"]] for r in kept], np.int64),
            stars=np.array([float(r["rating"]) for r in kept], np.float32),
            n_users=len(users),
            n_items=len(items),
        )
        return Restaurants(ratings=ratings, near=_near(people, shops), fitting=_fit(people, shops))
    except (KeyError, ValueError) as e:
        raise InputError(
            f"{folder} holds other columns than the UCI restaurant data ({e!r})"
        ) from e


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            return list(csv.DictReader(file))
    except OSError as e:
        raise InputError(f"{path} cannot be read ({e})") from e


def _near(people: Sequence[Mapping[str, str]], shops: Sequence[Mapping[str, str]]) -> F32:
    here, there = (
        np.array([[float(r["latitude"]), float(r["longitude"])] for r in rows])
        for rows in (people, shops)
    )
    step = (here[:, None] - there[None]) * 111.0
    step[..., 1] *= np.cos(np.radians(here[:, None, 0]))
    return np.asarray(np.exp(-np.hypot(step[..., 0], step[..., 1]) / _NEAR_KM), np.float32)


def _fit(people: Sequence[Mapping[str, str]], shops: Sequence[Mapping[str, str]]) -> F32:
    """Mean of: a cuisine the user names, a price within the budget, a dress code the user likes."""
    score = np.zeros((len(people), len(shops)), np.float32)
    for u, person in enumerate(people):
        likes, budget = set(person["cuisine"].split("|")), person["budget"]
        for i, shop in enumerate(shops):
            cuisine = bool(likes & set(shop["cuisine"].split("|")) - {""})
            price = budget not in PRICES or PRICES.index(shop["price"]) <= PRICES.index(budget)
            dress = person["dress_preference"] in (shop["dress_code"], "no preference")
            score[u, i] = (cuisine + price + dress) / 3
    return score
