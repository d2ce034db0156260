"""One version of the catalogue in memory: columns for vectorised stages, shop and menu values on demand.

Read-only. Files are written by `tables`; which version is current is `naviyam.versions`' matter.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from naviyam.catalog.hours import HoursTable
from naviyam.catalog.tables import CARD, MENUS, SHOPS, schema_hash, write_tables
from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.errors import ArtifactError
from naviyam.request import CATEGORIES

__all__ = ["MEAL_CARD_CODES", "Catalog", "write_tables"]

MEAL_CARD_CODES = (MealCard.UNKNOWN, MealCard.YES, MealCard.NO)
"""Index = code in `Catalog.meal_card`."""

_EARTH_M = 6_371_008.8
_TEXTS = (
    "shop_id", "name", "brand", "category", "address", "sido", "sigungu", "dong", "meal_card",
    "message", "hours", "source", "document", "normalised",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Menus:
    """Safe menus of all shops, those of shop `row` at `start[row]:start[row + 1]`."""

    start: npt.NDArray[np.int64]
    price: npt.NDArray[np.int32]
    discount: npt.NDArray[np.int32]
    best: npt.NDArray[np.bool_]
    sold_out: npt.NDArray[np.bool_]
    ids: list[str]
    names: list[str]
    descriptions: list[str]
    allergens: list[list[str] | None]

    @classmethod
    def read(cls, path: Path, n_shops: int) -> Self:
        table = pq.read_table(path)
        table = table.filter(pc.invert(table["alcohol"]))
        rows = table["shop_row"].to_numpy()
        return cls(
            start=np.searchsorted(rows, np.arange(n_shops + 1)).astype(np.int64),
            price=table["price_won"].to_numpy().astype(np.int32),
            discount=table["discount_won"].to_numpy().astype(np.int32),
            best=table["is_best"].to_numpy(),
            sold_out=table["is_sold_out"].to_numpy(),
            ids=table["menu_id"].to_pylist(),
            names=table["name"].to_pylist(),
            descriptions=table["description"].to_pylist(),
            allergens=table["allergens"].to_pylist(),
        )

    def prices(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return the least and the mean price of what is not sold out [n], 0 where nothing is priced."""
        n = len(self.start) - 1
        rows = np.repeat(np.arange(n), np.diff(self.start))
        keep = ~self.sold_out & (self.price > 0)
        rows, price = rows[keep], self.price[keep]
        lowest = np.full(n, np.iinfo(np.int32).max, np.int32)
        np.minimum.at(lowest, rows, price)
        count = np.bincount(rows, minlength=n)
        mean = np.bincount(rows, weights=price, minlength=n) / np.maximum(count, 1)
        return np.where(count > 0, lowest, 0).astype(np.int32), mean.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalog:
    """One version. Arrays are [n], one entry a shop; rows are positions in `shop_ids`.

    `tags` has bit i set for `CATEGORIES[i]`, the main category included; `meal_card` indexes `MEAL_CARD_CODES`;
    `min_price` and `mean_price` are 0 where no safe menu has a price; nan is unknown.
    """

    version: str
    card: Mapping[str, Any]
    shop_ids: tuple[str, ...]
    row_of: Mapping[str, int]
    names: tuple[str, ...]
    latitude: npt.NDArray[np.float32]
    longitude: npt.NDArray[np.float32]
    category: npt.NDArray[np.int8]
    tags: npt.NDArray[np.uint16]
    meal_card: npt.NDArray[np.int8]
    good_influence: npt.NDArray[np.bool_]
    alcohol: npt.NDArray[np.bool_]
    rating: npt.NDArray[np.float32]
    review_count: npt.NDArray[np.int32]
    order_count: npt.NDArray[np.int32]
    favorite_count: npt.NDArray[np.int32]
    view_count: npt.NDArray[np.int32]
    min_price: npt.NDArray[np.int32]
    mean_price: npt.NDArray[np.float32]
    menu_count: npt.NDArray[np.int16]
    district: npt.NDArray[np.int32]
    districts: tuple[str, ...]
    brand: npt.NDArray[np.int32]
    brands: tuple[str, ...]
    hours_per_day: npt.NDArray[np.float32]
    _texts: Mapping[str, list[str]]
    _menus: _Menus
    _hours: HoursTable

    @property
    def size(self) -> int:
        """Return the number of shops."""
        return len(self.shop_ids)

    @property
    def simulated(self) -> bool:
        """Return whether counts and behaviour come from a simulation and prove nothing about a shop."""
        return bool(self.card.get("simulated", False))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read one version's folder.

        Raises:
            ArtifactError: a table is missing, truncated or of another schema.
        """
        try:
            table = pq.read_table(folder / SHOPS)
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            if card["schema"] != schema_hash():
                raise ArtifactError(
                    f"{folder} has schema {card['schema']}, this code reads {schema_hash()}; "
                    "build it again with `naviyam data import`"
                )
            menus = _Menus.read(folder / MENUS, table.num_rows)
            texts = {name: table[name].to_pylist() for name in _TEXTS}
            return cls(version=folder.name, card=card, **_columns(table, texts, menus))
        except ArtifactError:
            raise
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as e:
            raise ArtifactError(
                f"{folder} holds no readable catalogue ({e}); build it again with `naviyam data import`"
            ) from e

    def shop(self, row: int) -> Shop:
        """Return the shop at `row`."""
        text = {
            name: self._texts[name][row]
            for name in _TEXTS
            if name not in ("meal_card", "document", "normalised")
        }
        bits = int(self.tags[row])
        return Shop(
            **text,
            tags=tuple(c for i, c in enumerate(CATEGORIES) if bits >> i & 1),
            latitude=_known(self.latitude[row]),
            longitude=_known(self.longitude[row]),
            meal_card=MEAL_CARD_CODES[self.meal_card[row]],
            is_good_influence_shop=bool(self.good_influence[row]),
            rating=_known(self.rating[row]),
            review_count=int(self.review_count[row]),
            order_count=int(self.order_count[row]),
            favorite_count=int(self.favorite_count[row]),
            view_count=int(self.view_count[row]),
            serves_alcohol_mainly=bool(self.alcohol[row]),
        )

    def menus(self, row: int) -> tuple[Menu, ...]:
        """Return a shop's menus without alcohol: what is there first, of that the best first."""
        m, shop_id = self._menus, self.shop_ids[row]
        return tuple(
            Menu(
                menu_id=m.ids[i],
                shop_id=shop_id,
                name=m.names[i],
                price_won=int(m.price[i]),
                description=m.descriptions[i],
                discount_won=int(m.discount[i]),
                is_best=bool(m.best[i]),
                is_sold_out=bool(m.sold_out[i]),
                allergens=None if (a := m.allergens[i]) is None else tuple(a),
            )
            for i in range(int(m.start[row]), int(m.start[row + 1]))
        )

    def document(self, row: int) -> str:
        """Return the text for search: name, kinds, menus, place, the owner's message."""
        return self._texts["document"][row]

    def normalised(self, row: int) -> str:
        """Return the squashed shop name and menu names, one a line, for substring search."""
        return self._texts["normalised"][row]

    def open_now(self, when: datetime) -> npt.NDArray[np.int8]:
        """Return 1 open, 0 closed, -1 unknown [n]. `when` is aware."""
        return self._hours.open_now(when)

    def closes_at(self, row: int, when: datetime) -> str | None:
        """Return the end of the present opening as HH:MM; None if not known to be open or never closing."""
        return self._hours.closes_at(row, when)

    def distance_m(self, latitude: float, longitude: float) -> npt.NDArray[np.float32]:
        """Return the great-circle distance to every shop [n]; inf where its place is unknown (haversine)."""
        lat, lon = (
            np.radians(self.latitude.astype(np.float64)),
            np.radians(self.longitude.astype(np.float64)),
        )
        lat0, lon0 = np.radians(latitude), np.radians(longitude)
        a = (
            np.sin((lat - lat0) / 2) ** 2
            + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
        )
        distance = 2 * _EARTH_M * np.arcsin(np.sqrt(np.clip(a, 0, 1)))
        return np.where(np.isnan(distance), np.inf, distance).astype(np.float32)


def _known(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)


def _columns(table: pa.Table, texts: dict[str, list[str]], menus: _Menus) -> dict[str, Any]:
    ids = tuple(texts["shop_id"])
    hours = HoursTable(texts["hours"])
    districts, district = _codes(texts["sigungu"])
    brands, brand = _codes(texts["brand"])
    lowest, mean = menus.prices()
    counts = ("review_count", "order_count", "favorite_count", "view_count")
    category_code = {name: code for code, name in enumerate(CATEGORIES)}
    card_code = {value.value: code for code, value in enumerate(MEAL_CARD_CODES)}
    category = np.array([category_code[c] for c in texts["category"]], np.int8)
    return {
        "shop_ids": ids,
        "row_of": {key: row for row, key in enumerate(ids)},
        "names": tuple(texts["name"]),
        **{name: _float(table, name) for name in ("latitude", "longitude", "rating")},
        **{name: table[name].to_numpy().astype(np.int32) for name in counts},
        "category": category,
        "tags": _tag_bits(table["tags"].to_pylist(), category, category_code),
        "meal_card": np.array([card_code[c] for c in texts["meal_card"]], np.int8),
        "good_influence": table["is_good_influence_shop"].to_numpy(),
        "alcohol": table["serves_alcohol_mainly"].to_numpy(),
        "min_price": lowest,
        "mean_price": mean,
        "menu_count": np.diff(menus.start).clip(max=np.iinfo(np.int16).max).astype(np.int16),
        "district": district,
        "districts": districts,
        "brand": brand,
        "brands": brands,
        "hours_per_day": hours.hours_per_day(),
        "_texts": texts,
        "_menus": menus,
        "_hours": hours,
    }


def _float(table: pa.Table, name: str) -> npt.NDArray[np.float32]:
    """Return a column with nan for null."""
    values: npt.NDArray[np.float32] = table[name].to_numpy().astype(np.float32)
    return values


def _codes(values: Sequence[str]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Return the sorted distinct names and each row's index into them, -1 for ""."""
    names = tuple(sorted({v for v in values if v}))
    code = {name: index for index, name in enumerate(names)}
    return names, np.array([code.get(v, -1) for v in values], np.int32)


def _tag_bits(
    tags: Sequence[Sequence[str]], category: npt.NDArray[np.int8], code: Mapping[str, int]
) -> npt.NDArray[np.uint16]:
    bits = np.left_shift(1, category.astype(np.int64))
    for row, names in enumerate(tags):
        for name in names:
            bits[row] |= 1 << code[name]
    return bits.astype(np.uint16)
