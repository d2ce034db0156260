"""Where "there" is: a circle around a point, a district, or everywhere. Vectorised, no look-up of names."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from naviyam.catalog.store import Catalog
from naviyam.request import Place, RequestContext, UserProfile
from naviyam.settings import Places

_DISTRICT_REACH_M = 40_000.0
"""Districts of one name exist in several cities (중구): one counts only so far around the point."""

_SIGUNGU_REACH = 2.5
"""A named 시군구 holds the shops registered there, at most so many radii from its centre (coordinates err)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Area:
    """`distance_m` [n] from the point, None without one; `district` [n] the shops of its 시군구, None if unknown."""

    kind: Literal["point", "sigungu", "district", "everywhere"]
    size: int
    distance_m: npt.NDArray[np.float32] | None = None
    radius_m: float = 0.0
    district: npt.NDArray[np.bool_] | None = None

    def within(self, factor: float) -> npt.NDArray[np.bool_]:
        """Return the shops [n] that lie there, the radius multiplied by `factor`."""
        if self.distance_m is None:
            return self.district.copy() if self.district is not None else self.everywhere()
        if self.kind == "sigungu" and factor <= 1.0 and self.district is not None:
            return self.district & (self.distance_m <= _SIGUNGU_REACH * self.radius_m)
        return self.distance_m <= self.radius_m * factor

    def around(self, factor: float) -> npt.NDArray[np.bool_]:
        """Return the last resort, the loosened place: the widest circle and the whole district; without a point, everywhere."""
        if self.distance_m is None:
            return self.everywhere()
        wide = self.within(factor)
        return wide if self.district is None else wide | self.district

    def everywhere(self) -> npt.NDArray[np.bool_]:
        return np.ones(self.size, np.bool_)


def area_of(
    place: Place | None,
    context: RequestContext,
    profile: UserProfile | None,
    catalog: Catalog,
    settings: Places,
) -> Area:
    """Return the area meant: the place named, else the coordinates given, else the district of request or profile."""
    if place is None and context.latitude is not None and context.longitude is not None:
        place = Place(
            name="", latitude=context.latitude, longitude=context.longitude,
            radius_m=settings.point_radius_m, level="point",
        )  # fmt: skip
    if place is None:
        known = (context.district, profile.district if profile is not None else None)
        for name in known:
            rows = _district_rows(catalog, name)
            if rows is not None:
                return Area(kind="district", size=catalog.size, district=rows)
        return Area(kind="everywhere", size=catalog.size)
    distance = catalog.distance_m(place.latitude, place.longitude)
    named = _district_rows(catalog, place.name) if place.level == "sigungu" else None
    rows = named if named is not None else _nearest_district(catalog, distance)
    return Area(
        kind="point" if named is None else "sigungu",
        size=catalog.size,
        distance_m=distance,
        radius_m=place.radius_m,
        district=None if rows is None else rows & (distance <= _DISTRICT_REACH_M),
    )


def _district_rows(catalog: Catalog, name: str | None) -> npt.NDArray[np.bool_] | None:
    """Return the shops of the 시군구 called `name` (its last word counts: "강원 춘천시"), None if no shop is there."""
    last = (name or "").split()[-1:]
    if not last or last[0] not in catalog.districts:
        return None
    rows: npt.NDArray[np.bool_] = catalog.district == catalog.districts.index(last[0])
    return rows


def _nearest_district(
    catalog: Catalog, distance_m: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_] | None:
    if not len(distance_m):
        return None
    nearest = int(np.argmin(distance_m))
    code = catalog.district[nearest]
    if code < 0 or distance_m[nearest] > _DISTRICT_REACH_M:
        return None
    rows: npt.NDArray[np.bool_] = catalog.district == code
    return rows
