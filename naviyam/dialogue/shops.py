"""Finding a shop by its name, and the good-influence shops near a place. Over one catalogue; no ranking model."""

from collections.abc import Iterable

import numpy as np

from naviyam.catalog.store import Catalog
from naviyam.dialogue.place import distance_m
from naviyam.request import Place, UserProfile
from naviyam.text.clean import squash

_OTHER_CITY_M = 30_000.0
_FAR_M = 5_000.0
"""A good-influence shop farther than this is no help to a hungry child."""


class ShopNames:
    """Names of one catalogue's shops, squashed; built once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._squashed = [squash(name) for name in catalog.names]
        self._rows: dict[str, list[int]] = {}
        for row, name in enumerate(self._squashed):
            if not catalog.alcohol[row]:
                self._rows.setdefault(name, []).append(row)

    def find(self, said: str, place: Place | None, profile: UserProfile) -> int | None:
        """Return the row of the shop meant, None if there is none: the whole name first, then a part of it.

        Of several of one name (a chain) the nearest to `place` is meant, else one of the profile's district, else the
        best known.
        """
        wanted = squash(said)
        if len(wanted) < 2:
            return None
        rows = self._rows.get(wanted) or [
            row
            for name, found in self._rows.items()
            if wanted in name or (len(name) >= 3 and name in wanted)
            for row in found
        ]
        if not rows:
            return None
        row = min(rows, key=lambda r: self._far(r, place, profile))
        known = not np.isnan(self._catalog.latitude[row])
        return row if not known or self._far(row, place, profile)[0] <= _OTHER_CITY_M else None

    def _far(
        self, row: int, place: Place | None, profile: UserProfile
    ) -> tuple[float, bool, int, int]:
        c = self._catalog
        far = 0.0
        if place is not None:
            known = not np.isnan(c.latitude[row])
            start = (place.latitude, place.longitude)
            far = (
                distance_m(start, float(c.latitude[row]), float(c.longitude[row]))
                if known
                else float("inf")
            )
        code = int(c.district[row])
        elsewhere = code < 0 or c.districts[code] != profile.district
        return far, elsewhere, -int(c.review_count[row] + c.order_count[row]), row


def good_shops_near(
    catalog: Catalog, place: Place | None, *, count: int, open_code: Iterable[int]
) -> list[int]:
    """Return rows of the nearest good-influence shops that are not known to be closed; none without a place."""
    if place is None:
        return []
    distance = catalog.distance_m(place.latitude, place.longitude)
    closed = np.asarray(open_code) == 0
    reach = max(_FAR_M, place.radius_m)
    usable = catalog.good_influence & ~catalog.alcohol & ~closed & (distance <= reach)
    rows = np.flatnonzero(usable)
    return [int(r) for r in rows[np.argsort(distance[rows], kind="stable")][:count]]
