"""The skew audit over the log: opens the very versions that served and compares. Says what it could not compare, and why."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cluster.talk_tables import profiles_set
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.store import Catalog
from naviyam.errors import NaviyamError
from naviyam.features.spec import schema_hash
from naviyam.features.tables import FeatureTables
from naviyam.feedback.query import Views
from naviyam.feedback.schema import INTERACTIONS, to_records
from naviyam.learning.skew import NOT_EQUAL_BY_NATURE, Again, Served, compare, served_of
from naviyam.request import UserProfile
from naviyam.settings import Settings
from training.datasets.window import read_whole

_UNREADABLE = (KeyError, TypeError, ValueError)


def foreign_models(root: Path) -> frozenset[str]:
    """Return the published rankers below `root` whose features mean something else than this code's."""
    found = set()
    for path in sorted(root.glob("*/model.json")):
        try:
            meaning = json.loads(path.read_text(encoding="utf-8")).get("feature_schema_hash")
        except (OSError, ValueError, AttributeError):
            continue  # what cannot be read serves nobody
        if meaning != schema_hash():
            found.add(path.parent.name)
    return frozenset(found)


def audit(
    views: Views, settings: Settings, parts: Mapping[str, pa.Table], *, seed: int
) -> dict[str, Any]:
    """Return the comparison of a seeded sample of the set's answers, for its card."""
    scored_as = {
        i: user
        for part in parts.values()
        for i, user in zip(
            part["interaction_id"].to_pylist(), part["user_id"].to_pylist(), strict=True
        )
    }
    lots = sorted(scored_as, key=lambda i: blake2b(f"{seed}\0{i}".encode(), digest_size=8).digest())
    some = np.array(lots[: settings.learning.audited_answers], dtype=object)
    records = to_records(INTERACTIONS, read_whole(views, some))
    skipped: Counter[str] = Counter()
    pairs: list[tuple[Served, Any]] = []
    opened = _opener(settings)
    said = profiles_set(settings)
    for record in records:
        served = record.get("versions") or {}
        try:
            again, gazetteer = opened(served.get("catalogue", ""), served.get("ranker", ""))
        except (NaviyamError, OSError):
            skipped["catalogue_or_ranker_version_is_gone"] += 1
            continue
        user = scored_as[record["interaction_id"]]
        profile = (
            said.get(record["user_id"]) or again.behavior.profile(user) or UserProfile(user_id=user)
        )
        try:
            one = served_of(record, again.catalog, profile=profile, resolve=gazetteer.resolve)
        except _UNREADABLE:
            skipped["record_not_readable"] += 1
            continue
        pairs.append((one, again.features(one)))
    return {
        "answers": len(pairs),
        **compare(pairs),
        "skipped": dict(skipped),
        "cannot_be_equal": dict(NOT_EQUAL_BY_NATURE),
    }


def _opener(settings: Settings) -> Callable[[str, str], tuple[Again, Gazetteer]]:
    @cache
    def data(version: str) -> tuple[Catalog, Behavior, Gazetteer]:
        folder = settings.paths.catalog / _plain(version)
        catalog = Catalog.load(folder)
        return catalog, Behavior.load(folder, catalog), Gazetteer.load(folder)

    @cache
    def opened(version: str, ranker: str) -> tuple[Again, Gazetteer]:
        catalog, behavior, gazetteer = data(version)
        tables = FeatureTables.load(settings.paths.models / "ranker" / _plain(ranker))
        return Again.over(catalog, behavior, tables), gazetteer

    return opened


def _plain(name: str) -> str:
    """Return a version name out of the log as a folder name; one with a path in it names nothing."""
    return name if name and "/" not in name and not name.startswith(".") else "none"
