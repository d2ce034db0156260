"""Where to ask from: a point with many shops around it, so that benches and the demo work on any catalogue."""

from typing import TYPE_CHECKING

from cluster.cli.session import Session, read_near

if TYPE_CHECKING:
    from naviyam.catalog.store import Catalog

HYOJA_DONG = (37.8731, 127.7375)
"""춘천시 효자동: many shops of the public lists with a known meal card."""

_REACH_M = 1_200.0
_ENOUGH = 20


def point_of(session: Session, near: str | None) -> tuple[float, float]:
    """Return the point that is given, else one that suits the current catalogue."""
    from naviyam.catalog.store import Catalog
    from naviyam.versions import current

    return read_near(near) or choose_point(Catalog.load(current(session.settings.paths.catalog)))


def choose_point(catalog: "Catalog") -> tuple[float, float]:
    """Return 효자동 where the catalogue has shops there, else the shop with most card shops around it."""
    import numpy as np

    if int((catalog.distance_m(*HYOJA_DONG) <= _REACH_M).sum()) >= _ENOUGH:
        return HYOJA_DONG
    useful = (catalog.meal_card == 1) & (catalog.min_price > 0) & np.isfinite(catalog.latitude)
    best, most = HYOJA_DONG, -1
    for row in np.flatnonzero(useful)[:: max(1, int(useful.sum()) // 200)]:
        point = (float(catalog.latitude[row]), float(catalog.longitude[row]))
        around = int((useful & (catalog.distance_m(*point) <= _REACH_M)).sum())
        if around > most:
            best, most = point, around
    return round(best[0], 5), round(best[1], 5)
