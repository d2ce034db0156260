"""What a catalogue knows of its shops: figures for `naviyam data report`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from naviyam.catalog.store import Catalog
from naviyam.request import CATEGORIES


def describe(catalog: Catalog) -> dict[str, Any]:
    """Return coverage in the order of usefulness for learning (spec 5), distributions and the card of the version."""
    shops = [catalog.shop(row) for row in range(catalog.size)]
    menus = [menu for row in range(catalog.size) for menu in catalog.menus(row)]
    n, m = max(1, len(shops)), max(1, len(menus))
    counted = [
        (1, "shop: category other than 기타", sum(s.category != "기타" for s in shops), n),
        (1, "shop: at least one priced menu", int((catalog.min_price > 0).sum()), n),
        (1, "shop: meal card known", int((catalog.meal_card != 0).sum()), n),
        (1, "shop: good-influence", int(catalog.good_influence.sum()), n),
        (1, "shop: coordinates", int(np.isfinite(catalog.latitude).sum()), n),
        (2, "shop: opening hours", sum(bool(s.hours) for s in shops), n),
        (2, "shop: owner's message", sum(bool(s.message) for s in shops), n),
        (2, "menu: marked as best", sum(menu.is_best for menu in menus), m),
        (2, "menu: description", sum(bool(menu.description) for menu in menus), m),
        (3, "menu: discount", sum(menu.discount_won > 0 for menu in menus), m),
        (3, "menu: sold out", sum(menu.is_sold_out for menu in menus), m),
        (3, "menu: allergens stated", sum(menu.allergens is not None for menu in menus), m),
        (3, "shop: rating", int(np.isfinite(catalog.rating).sum()), n),
        (3, "shop: favourites", int((catalog.favorite_count > 0).sum()), n),
        (3, "shop: orders", int((catalog.order_count > 0).sum()), n),
    ]
    prices = catalog.min_price[catalog.min_price > 0]
    return {
        "version": catalog.version,
        "card": dict(catalog.card),
        "shops": len(shops),
        "menus": len(menus),
        "coverage": [
            {"order": order, "what": what, "known": known, "share": round(known / of, 4)}
            for order, what, known, of in counted
        ],
        "categories": _counts(np.bincount(catalog.category, minlength=len(CATEGORIES)), CATEGORIES),
        "meal_card": dict(Counter(s.meal_card.value for s in shops).most_common()),
        "districts": dict(Counter(s.sigungu or "(unknown)" for s in shops).most_common(40)),
        "min_price_won": {
            f"p{q}": int(np.percentile(prices, q)) for q in (5, 25, 50, 75, 95) if len(prices)
        },
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """Return the description as a Markdown page; bars are drawn with characters."""
    lines = [
        f"# Catalogue {found['version']}",
        "",
        f"{found['shops']:,} shops, {found['menus']:,} menus. Card of the version: `{found['card']}`",
        "",
        "| order of usefulness | what | known | share |",
        "|---|---|---|---|",
        *(
            f"| {c['order']} | {c['what']} | {c['known']:,} | {c['share']:.1%} |"
            for c in found["coverage"]
        ),
    ]
    for name in ("categories", "meal_card", "districts", "min_price_won"):
        values: Mapping[str, int] = found[name]
        most = max(values.values(), default=1) or 1
        lines += ["", f"## {name}", "", "```"]
        lines += [
            f"{key:<14}{value:>8,} {'#' * round(40 * value / most)}"
            for key, value in values.items()
        ]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _counts(values: Any, names: tuple[str, ...]) -> dict[str, int]:
    pairs = sorted(zip(names, values.tolist(), strict=True), key=lambda p: -p[1])
    return {name: int(count) for name, count in pairs if count}
