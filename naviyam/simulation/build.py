"""From a workbook or public lists to a published version of the catalogue; what the command line calls.

Lives above `catalog` because it simulates behaviour where there is none (the card then says so). Only pseudonyms
are written, and a version is published whole or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from naviyam import versions
from naviyam.catalog.events import Events
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.merge import merge
from naviyam.catalog.places import Key, Radii, build_entries, read_centres
from naviyam.catalog.public_lists import import_list
from naviyam.catalog.report import Imported, ImportReport
from naviyam.catalog.tables import write_tables
from naviyam.catalog.types import Menu, Shop
from naviyam.catalog.workbook import import_sheets, import_workbook
from naviyam.errors import InputError
from naviyam.ids import load_or_create_key, pseudonym
from naviyam.request import UserProfile
from naviyam.settings import Settings
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.counts import with_counts
from naviyam.simulation.workbook import sample_sheets

DAYS = 90


def from_workbook(
    path: Path, settings: Settings, now: datetime, *, centres: Path | None = None
) -> Path:
    """Import a workbook and publish it; return the new version's folder.

    Raises:
        InputError: it is no workbook, lacks a required sheet, or holds no shop.
    """
    return publish(import_workbook(path), [path.name], settings, now, _centres(centres))


def from_sample(settings: Settings, now: datetime) -> Path:
    """Publish the sample workbook of `settings.seed` without writing the file; return the folder."""
    imported = import_sheets(sample_sheets(seed=settings.seed, now=now))
    return publish(imported, ["sample"], settings, now, {})


def from_public_lists(
    paths: Sequence[Path], settings: Settings, now: datetime, centres: Path | None = None
) -> Path:
    """Import public lists of shops, join them and publish; return the new version's folder.

    Raises:
        InputError: a file is no known list, or no shop is left.
    """
    if not paths:
        raise InputError("no list of shops was given; name at least one CSV file", field="paths")
    points = _centres(centres)
    districts = {(k[1], k[2]): p for k, p in points.items() if k[0] == "sigungu"}
    parts = [import_list(path, centres=districts) for path in paths]
    return publish(merge(parts), [p.name for p in paths], settings, now, points)


def publish(
    imported: Imported,
    sources: Sequence[str],
    settings: Settings,
    now: datetime,
    centres: Mapping[Key, tuple[float, float]],
) -> Path:
    """Write what was imported as a new version under `settings.paths.catalog` and make it current."""
    if not imported.shops:
        raise InputError(
            f"no shop is left of {list(sources)}; set aside: {imported.report.reasons()}",
            field="shops",
        )
    shops, users, events = _with_behavior(imported, settings.seed, now)
    key = load_or_create_key(settings.paths.user_key)
    hidden = [replace(u, user_id=pseudonym(u.user_id, key=key)) for u in users]
    radii = Radii(dong_m=settings.places.dong_radius_m, station_m=settings.places.station_radius_m)
    gazetteer = Gazetteer(build_entries(shops, centres, radii))
    card = _card(shops, imported.menus, users, events, imported.report) | {
        "sources": list(sources),
        "seed": settings.seed if events.simulated else None,
        "built_at": now.isoformat(),
    }

    def write(folder: Path) -> None:
        write_tables(folder, shops, imported.menus, hidden, events, card)
        gazetteer.save(folder)

    return versions.publish(settings.paths.catalog, versions.version_name(now), write)


def _with_behavior(
    imported: Imported, seed: int, now: datetime
) -> tuple[Sequence[Shop], Sequence[UserProfile], Events]:
    """Return shops with counts, users and events; simulated ones give no stars, which would be invented facts."""
    if imported.events is not None:
        return (
            with_counts(imported.shops, imported.events, ratings=True),
            imported.users,
            imported.events,
        )
    users, events = simulate_behavior(imported.shops, imported.menus, now=now, seed=seed, days=DAYS)
    return with_counts(imported.shops, events, ratings=False), users, events


def _card(
    shops: Sequence[Shop],
    menus: Sequence[Menu],
    users: Sequence[UserProfile],
    events: Events,
    report: ImportReport,
) -> dict[str, Any]:
    times = events.time
    return {
        "rows": {
            "shops": len(shops),
            "menus": len(menus),
            "users": len(users),
            "events": len(events),
        },
        "events_from_s": int(times[0]) if len(times) else None,
        "events_to_s": int(times[-1]) if len(times) else None,
        "import": report.to_dict(),
    }


def _centres(path: Path | None) -> dict[Key, tuple[float, float]]:
    return read_centres(path) if path is not None else {}
