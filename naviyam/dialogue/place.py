"""Where "here" is for one message, and how far a shop is from it. Pure; the gazetteer knows the names."""

import math
from dataclasses import dataclass
from typing import Protocol

from naviyam.request import RELATIVE_PLACES, Filters, Place, RequestContext, UserProfile
from naviyam.settings import Places

_EARTH_M = 6_371_008.8
WALKABLE_LEVELS = frozenset(("point", "station", "dong", "school"))
"""Places small enough that a distance from their centre means something to someone there."""


class Resolver(Protocol):
    """What is needed of `naviyam.catalog.gazetteer.Gazetteer`."""

    def resolve(self, name: str, *, near: tuple[float, float] | None = None) -> Place | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """`place` is None where nothing says where the child is; `unresolved` is a name that nobody knows."""

    place: Place | None
    unresolved: str | None = None


def locate(
    filters: Filters,
    context: RequestContext,
    profile: UserProfile,
    remembered: str | None,
    gazetteer: Resolver,
    places: Places,
) -> Whereabouts:
    """Return where to search: what was named, the coordinates, the districts, at last what memory holds.

    A place that was named in this conversation goes before the district of the profile: it is nearer to what the
    child means. A name that cannot be resolved falls through to the rest and is reported.
    """
    here = _point(context)
    near = here or _centre(profile.district, gazetteer)
    named = filters.location if filters.location not in RELATIVE_PLACES else None
    unresolved = None
    if named:
        place = gazetteer.resolve(named, near=near)
        if place is not None:
            return Whereabouts(place=place)
        unresolved = named
    if here is not None:
        point = Place(
            name="지금 있는 곳",
            latitude=here[0],
            longitude=here[1],
            radius_m=places.point_radius_m,
            level="point",
        )
        return Whereabouts(place=point, unresolved=unresolved)
    for name in (context.district, remembered, profile.district):
        if name and (place := gazetteer.resolve(name, near=near)) is not None:
            return Whereabouts(place=place, unresolved=unresolved)
    return Whereabouts(place=None, unresolved=unresolved)


def origin(place: Place | None, context: RequestContext) -> tuple[float, float] | None:
    """Return the point from which distances are told: the child's own, else a place that is small enough."""
    if place is not None and place.level in WALKABLE_LEVELS:
        return place.latitude, place.longitude
    return _point(context)


def distance_m(start: tuple[float, float], latitude: float, longitude: float) -> float:
    """Return the great-circle distance (haversine).

    >>> round(distance_m((37.8813, 127.7298), 37.8847, 127.7170))
    1185
    """
    lat0, lat = math.radians(start[0]), math.radians(latitude)
    half_lat, half_lon = (lat - lat0) / 2, math.radians(longitude - start[1]) / 2
    a = math.sin(half_lat) ** 2 + math.cos(lat0) * math.cos(lat) * math.sin(half_lon) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(a)))


def walk_minutes(distance: float, places: Places) -> int:
    """Return whole minutes on foot, rounded up, at least one."""
    return max(1, math.ceil(distance * places.detour / places.walk_m_per_min))


def _point(context: RequestContext) -> tuple[float, float] | None:
    if context.latitude is None or context.longitude is None:
        return None
    return context.latitude, context.longitude


def _centre(name: str | None, gazetteer: Resolver) -> tuple[float, float] | None:
    place = gazetteer.resolve(name) if name else None
    return None if place is None else (place.latitude, place.longitude)
