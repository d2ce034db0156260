"""Making the gazetteer's entries: a public list of centres, the shops' own places, the packaged landmarks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from naviyam.catalog.gazetteer import Entry, kilometres
from naviyam.catalog.landmarks import LANDMARKS
from naviyam.catalog.plain_csv import read_rows
from naviyam.catalog.regions import normalise_sido, normalise_sigungu
from naviyam.catalog.types import Shop
from naviyam.errors import InputError

TRUSTED_SHOPS = 5
"""From so many shops on, their median says better where a district's life is than its geometric centre."""

_LEVEL = {"0": "sido", "1": "sigungu", "2": "dong"}
_COLUMNS = ("level", "sd_nm", "sgg_nm", "emd_nm", "lat", "lng")
_SIDO_RADIUS_M, _SIGUNGU_RADIUS_M = 60_000.0, 8_000.0
_FARTHEST_REGION_KM = 15.0

Key = tuple[str, str, str, str]
"""(level, sido, sigungu, dong)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radii:
    """How far "there" reaches for the small places, in metres (settings.places)."""

    dong_m: float
    station_m: float


def read_centres(path: Path) -> dict[Key, tuple[float, float]]:
    """Read a list of centre points of 시도, 시군구, 읍면동.

    Raises:
        InputError: the file lacks the columns of such a list.
    """
    columns, rows = read_rows(path)
    if not set(_COLUMNS) <= set(columns):
        raise InputError(
            f"{path.name} has the columns {list(columns)}; a list of centres needs {list(_COLUMNS)}",
            field="centres",
        )
    centres: dict[Key, tuple[float, float]] = {}
    for number, row in enumerate(rows, start=2):
        if row["level"] not in _LEVEL or not row["lat"] or not row["lng"]:
            continue
        region = (
            normalise_sido(row["sd_nm"]),
            normalise_sigungu(row["sgg_nm"]),
            row["emd_nm"].strip(),
        )
        try:
            centres[(_LEVEL[row["level"]], *region)] = (float(row["lat"]), float(row["lng"]))
        except ValueError as e:
            raise InputError(
                f"{path.name} line {number}: {row['lat']!r}, {row['lng']!r} is no point",
                field="centres",
            ) from e
    return centres


def build_entries(
    shops: Sequence[Shop], centres: Mapping[Key, tuple[float, float]], radii: Radii
) -> list[Entry]:
    """Return all places, the wide ones first."""
    points = _points(shops)
    merged = dict(centres)
    for key, found in points.items():
        if key not in merged or (key[0] != "sido" and len(found) >= TRUSTED_SHOPS):
            merged[key] = (median(p[0] for p in found), median(p[1] for p in found))
    merged |= _whole_cities(merged)
    spread = _spread(merged)
    entries = [
        Entry(
            names=(_name(key),),
            level=key[0],
            sido=key[1],
            sigungu=key[2],
            latitude=centre[0],
            longitude=centre[1],
            radius_m=radii.dong_m if key[0] == "dong" else spread.get(key, _default_radius(key)),
            shops=_count(key, points),
        )
        for key, centre in merged.items()
        if _name(key)
    ]
    return sorted(entries, key=_order) + _landmarks(entries, shops, radii)


def _points(shops: Iterable[Shop]) -> dict[Key, list[tuple[float, float]]]:
    points: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    for s in shops:
        if s.latitude is None or s.longitude is None or not s.sido:
            continue
        keys: list[Key] = [("sido", s.sido, "", "")]
        if s.sigungu:
            keys.append(("sigungu", s.sido, s.sigungu, ""))
        if s.sigungu and s.dong:
            keys.append(("dong", s.sido, s.sigungu, s.dong))
        for key in keys:
            points[key].append((s.latitude, s.longitude))
    return points


def _whole_cities(centres: Mapping[Key, tuple[float, float]]) -> dict[Key, tuple[float, float]]:
    """Return 수원시 as the middle of its 구."""
    parts: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    for (level, sido, sigungu, _), centre in centres.items():
        if level == "sigungu" and " " in sigungu:
            parts[("sigungu", sido, sigungu.split()[0], "")].append(centre)
    return {
        key: (median(p[0] for p in found), median(p[1] for p in found))
        for key, found in parts.items()
        if key not in centres
    }


def _spread(centres: Mapping[Key, tuple[float, float]]) -> dict[Key, float]:
    """Return how far the dongs of a 시군구 (the 시군구 of a 시도) lie from its centre, in metres."""
    farthest: dict[Key, float] = {}
    for (level, sido, sigungu, _), centre in centres.items():
        parents: list[Key] = [("sido", sido, "", "")] if level == "sigungu" else []
        if level == "dong" and sigungu:
            parents = [("sigungu", sido, part, "") for part in {sigungu, sigungu.split()[0]}]
        for parent in parents:
            if parent in centres:
                distance = kilometres(centres[parent], centre) * 1_000 + 1_500
                farthest[parent] = max(farthest.get(parent, 3_000.0), distance)
    return farthest


def _default_radius(key: Key) -> float:
    return _SIDO_RADIUS_M if key[0] == "sido" else _SIGUNGU_RADIUS_M


def _name(key: Key) -> str:
    return {"sido": key[1], "sigungu": key[2], "dong": key[3]}[key[0]]


def _count(key: Key, points: Mapping[Key, Sequence[tuple[float, float]]]) -> int:
    own = len(points.get(key, ()))
    if own or key[0] != "sigungu":
        return own
    return sum(
        len(p)
        for k, p in points.items()
        if k[0] == "sigungu" and k[1] == key[1] and k[2].startswith(f"{key[2]} ")
    )


def _order(entry: Entry) -> tuple[int, str, str, str]:
    return ("sido", "sigungu", "dong").index(entry.level), entry.sido, entry.sigungu, entry.names[0]


def _landmarks(entries: Sequence[Entry], shops: Sequence[Shop], radii: Radii) -> list[Entry]:
    """Return the packaged landmarks with the region of the nearest place and the shops in their reach."""
    located = [
        (s.latitude, s.longitude)
        for s in shops
        if s.latitude is not None and s.longitude is not None
    ]
    regions = [e for e in entries if e.level == "dong"]
    out = []
    for names, latitude, longitude in LANDMARKS:
        here = (latitude, longitude)
        nearest = min(
            regions, key=lambda e: kilometres(here, (e.latitude, e.longitude)), default=None
        )
        if (
            nearest is not None
            and kilometres(here, (nearest.latitude, nearest.longitude)) > _FARTHEST_REGION_KM
        ):
            nearest = None
        near = sum(
            1 for p in located if abs(p[0] - latitude) < 0.01 and abs(p[1] - longitude) < 0.012
        )
        out.append(
            Entry(
                names=tuple(names.split("|")),
                level="station",
                sido=nearest.sido if nearest else "",
                sigungu=nearest.sigungu if nearest else "",
                latitude=latitude,
                longitude=longitude,
                radius_m=radii.station_m,
                shops=near,
            )
        )
    return out
