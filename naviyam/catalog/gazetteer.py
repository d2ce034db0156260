"""Names of places and where they are: 시도, 시군구, 읍면동, stations and universities.

Built from a public list of centres (if given), the shops' own districts and dongs, and packaged landmarks. It knows
only places; "근처" and "집 앞" are the dialogue's matter. A qualifier that fits no candidate resolves to nothing
rather than to a namesake elsewhere.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.catalog.landmarks import ORDINARY_WORDS
from naviyam.catalog.regions import SIDO_SHORT, short_sido
from naviyam.errors import ArtifactError
from naviyam.request import Place

FILE = "gazetteer.parquet"
LEVELS = ("sido", "sigungu", "dong", "station")
STEM_SHOPS = 3
"""A dong's bare stem (봉천) is offered for spotting in text only where the catalogue has this many shops."""

AT_HAND_KM = 15.0
"""Within this, a place by its short name (서면 for 서면역) goes before a far namesake by its full name."""

_AROUND = re.compile(r"\s*(?:근처|근방|쪽|주변|부근|인근|앞|옆|후문|정문|입구|사거리|오거리|일대)$")
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One place. `names` are its full names, the first for display; `shops` counts those of the catalogue in it."""

    names: tuple[str, ...]
    level: str
    sido: str
    sigungu: str
    latitude: float
    longitude: float
    radius_m: float
    shops: int


class Gazetteer:
    """Resolves names to places. Immutable; safe to share between threads."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)
        self._exact: dict[str, list[Entry]] = defaultdict(list)
        self._stems: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._entries:
            for name in entry.names:
                self._exact[_key(name)].append(entry)
            for stem in stems(entry):
                self._stems[_key(stem)].append(entry)

    def resolve(self, name: str, *, near: tuple[float, float] | None = None) -> Place | None:
        """Return the place a name means, None if nobody knows it.

        Of namesakes, the one that the words before it allow (춘천 효자동), then the nearest to `near`, then the one
        with most shops.
        """
        words = name.split()
        while words:
            entry = self._lookup(words, near)
            if entry is not None:
                return _place(entry)
            shorter = _AROUND.sub("", " ".join(words)).split()
            if shorter == words:
                return None
            words = shorter
        return None

    def names(self) -> Collection[str]:
        """Return the names worth spotting in a sentence: full names, and stems that are no ordinary words."""
        found: set[str] = set()
        for entry in self._entries:
            found.update(n for n in entry.names if n not in ORDINARY_WORDS)
            if entry.level in ("sido", "sigungu") or (
                entry.level == "dong" and entry.shops >= STEM_SHOPS
            ):
                found.update(s for s in stems(entry) if s not in ORDINARY_WORDS)
        return sorted(found)

    def _lookup(self, words: Sequence[str], near: tuple[float, float] | None) -> Entry | None:
        for split in range(len(words)):
            qualifiers, key = words[:split], _key("".join(words[split:]))
            exact = [e for e in self._exact.get(key, ()) if _fits(e, qualifiers)]
            short = [e for e in self._stems.get(key, ()) if _fits(e, qualifiers)]
            at_hand = [e for e in (*exact, *short) if near and _distance(near, e) < AT_HAND_KM]
            if exact or short:
                return _choose(at_hand or exact or short, near)
        return self._unspaced(words[0], near) if len(words) == 1 else None

    def _unspaced(self, word: str, near: tuple[float, float] | None) -> Entry | None:
        """Read 춘천시퇴계동 as 춘천시 퇴계동."""
        for cut in range(2, len(word) - 1):
            first, last = word[:cut], _key(word[cut:])
            known = [*self._exact.get(_key(first), ()), *self._stems.get(_key(first), ())]
            if any(e.level in ("sido", "sigungu") for e in known):
                allowed = [e for e in self._exact.get(last, ()) if _fits(e, [first])]
                if allowed:
                    return _choose(allowed, near)
        return None

    def save(self, folder: Path) -> None:
        """Write `gazetteer.parquet` into a version's folder."""
        pq.write_table(
            pa.Table.from_pylist([asdict(e) for e in self._entries], schema=_SCHEMA), folder / FILE
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a version's folder.

        Raises:
            ArtifactError: the table is missing or not readable.
        """
        try:
            rows = pq.read_table(folder / FILE).to_pylist()
            return cls([Entry(**{**row, "names": tuple(row["names"])}) for row in rows])
        except (OSError, KeyError, TypeError, pa.ArrowException) as e:
            raise ArtifactError(f"{folder} holds no readable gazetteer: {e}") from e


_SCHEMA = pa.schema(
    [
        ("names", pa.list_(pa.string())),
        ("level", pa.string()),
        ("sido", pa.string()),
        ("sigungu", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("radius_m", pa.float64()),
        ("shops", pa.int64()),
    ]
)


def stems(entry: Entry) -> tuple[str, ...]:
    """Return the short names of a place: 봉천 for 봉천동, 신림 for 신림역, 장안 and 장안구 for 수원시 장안구."""
    out: list[str] = []
    for name in entry.names:
        last = name.split()[-1]
        if last != name:
            out.append(last)
        if (
            entry.level in ("sigungu", "dong", "station")
            and last[-1] in "시군구동읍면역"
            and len(last) > 2
        ):
            out.append(last[:-1])
    if entry.level == "sido":
        out.extend(s for s in (SIDO_SHORT.get(entry.sido, ""),) if s)
    return tuple(dict.fromkeys(out))


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the distance on the plane that touches Korea's middle; right to 1 % within the country."""
    scale = math.cos(math.radians((a[0] + b[0]) / 2))
    return math.hypot(a[0] - b[0], (a[1] - b[1]) * scale) * _KM_PER_DEGREE


def _distance(near: tuple[float, float], entry: Entry) -> float:
    return kilometres(near, (entry.latitude, entry.longitude))


def _key(name: str) -> str:
    return name.replace(" ", "").lower()


def _fits(entry: Entry, qualifiers: Sequence[str]) -> bool:
    """Tell whether every word before the name is a part of the place's region."""
    region: list[str] = [*entry.sigungu.split(), entry.sido, short_sido(entry.sido)]
    region += [part[:-1] for part in entry.sigungu.split() if len(part) > 2]
    region += [f"{short_sido(entry.sido)}시", f"{short_sido(entry.sido)}도"]
    return all(q in region or _key(q) == _key(entry.sigungu) for q in qualifiers)


def _choose(entries: Sequence[Entry], near: tuple[float, float] | None) -> Entry:
    """Return the widest level's best candidate: nearest to `near`, else with most shops; ties by name."""
    widest = min(LEVELS.index(e.level) for e in entries)
    same = [e for e in entries if LEVELS.index(e.level) == widest]
    if near is not None:
        return min(same, key=lambda e: (_distance(near, e), e.sido, e.sigungu))
    return min(same, key=lambda e: (-e.shops, e.sido, e.sigungu))


def _place(entry: Entry) -> Place:
    return Place(
        name=entry.names[0],
        latitude=entry.latitude,
        longitude=entry.longitude,
        radius_m=entry.radius_m,
        level=entry.level,
    )
