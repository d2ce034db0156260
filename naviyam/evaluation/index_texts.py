"""Texts of shops that do not exist, recombined from those of a catalogue: to measure indexes at sizes it does not have."""

import random
from dataclasses import dataclass

from naviyam.catalog.store import Catalog
from naviyam.catalog.types import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What shops of one main category are called and sell."""

    text: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    menus: tuple[str, ...]


def recombined(catalog: Catalog, count: int, *, seed: int) -> list[str]:
    """Return `count` texts like search documents: halves of two shops' names, menus of their kind, another's place."""
    rng = random.Random(seed)
    rows = [row for row in range(catalog.size) if not catalog.alcohol[row]]
    shops = [catalog.shop(row) for row in rows]
    by_kind: dict[str, list[int]] = {}
    for at, shop in enumerate(shops):
        by_kind.setdefault(shop.category, []).append(at)
    kinds = {
        name: _Kind(
            text=name,
            first=tuple(shops[at].name[: max(1, len(shops[at].name) // 2)] for at in members),
            last=tuple(shops[at].name[len(shops[at].name) // 2 :] for at in members),
            menus=tuple(m.name for at in members for m in catalog.menus(rows[at])),
        )
        for name, members in by_kind.items()
    }
    return [_text(rng, kinds[shop.category], shops) for shop in rng.choices(shops, k=count)]


def _text(rng: random.Random, kind: _Kind, shops: list[Shop]) -> str:
    name = rng.choice(kind.first) + rng.choice(kind.last)
    menus = rng.sample(kind.menus, min(rng.randint(0, 3), len(kind.menus)))
    place = rng.choice(shops)
    where = " ".join(p for p in (place.sido, place.sigungu, place.dong) if p)
    return ". ".join(p for p in (name, kind.text, ", ".join(menus), where) if p)
