import gzip
from pathlib import Path

import pytest

from naviyam.errors import InputError
from training.restaurants.visits import read_restaurants

TABLES = {
    "ratings": "userID,placeID,rating\nU1,7,2\nU2,8,0\nU2,99,1\n",
    "items": (
        "placeID,latitude,longitude,cuisine,price,dress_code\n"
        "7,22.0,-100.0,Mexican,low,informal\n8,22.0,-100.1,Pizzeria|Cafe,high,formal\n"
    ),
    "users": (
        "userID,latitude,longitude,cuisine,budget,dress_preference\n"
        "U1,22.0,-100.0,Mexican,medium,no preference\nU2,22.0,-100.1,Cafe,low,informal\n"
    ),
}


def write(folder: Path) -> Path:
    for name, text in TABLES.items():
        with gzip.open(folder / f"uci_restaurant_{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write(text)
    return folder


def test_ratings_distance_and_fit(tmp_path: Path) -> None:
    data = read_restaurants(write(tmp_path))
    assert data.ratings.user.tolist() == [0, 1]
    assert data.ratings.matrix(2.0).tolist() == [[1, 0], [0, 0]]
    assert data.near[0, 0] == 1
    assert data.near[0, 1] < 0.001
    assert data.fitting.tolist() == [
        [1.0, pytest.approx(1 / 3)],
        [pytest.approx(2 / 3), pytest.approx(1 / 3)],
    ]


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uci_restaurant_ratings"):
        read_restaurants(tmp_path)
