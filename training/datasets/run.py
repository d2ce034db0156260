"""One run over all sets: what is read, what is skipped and why, what is published. No clock of its own, no Ray.

The order that makes a kill harmless: a set is published whole, then the ledger of used answers learns of it. A run with the
same `now` over the same log publishes the same bytes, and finds what an earlier one had published already.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from cluster.talk_tables import profiles_set
from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError, InputError
from naviyam.feedback.query import Views, reading
from naviyam.feedback.reader import read_tombstones
from naviyam.feedback.store import EventStore
from naviyam.learning.texts import nlg_sample, nlu_sample
from naviyam.learning.used import UsedLedger
from naviyam.settings import Settings
from training.datasets.absent import Absent, silent_users
from training.datasets.audit import audit, foreign_models
from training.datasets.old import forget_old_sets
from training.datasets.publish import Published, Skipped, find, publish
from training.datasets.ranker import make_ranker, new_answers
from training.datasets.read import find_set, read_card
from training.datasets.texts import TextSamples, make_talk_set, make_tone_set
from training.datasets.window import Window

SETS: Final = ("nlg", "nlu", "tone", "ranker")
Parts = Mapping[str, pa.Table]
Made = tuple[Parts, Mapping[str, Any]] | Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What one run reads: the log, the catalogue with its users, the settings."""

    settings: Settings
    store: EventStore
    catalog: Catalog
    behavior: Behavior
    window: Window
    version: str
    ledger: UsedLedger

    @property
    def root(self) -> Path:
        """The folder of the data sets."""
        return self.settings.paths.state / "datasets"


def open_sources(settings: Settings, now: datetime) -> Sources:
    """Open the current catalogue and the event log.

    Raises:
        NotFoundError: there is no catalogue yet.
        InputError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise InputError(
            f"--now {now.isoformat()} has no time zone; write {now.isoformat()}+09:00", field="now"
        )
    folder = versions.current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    behavior = Behavior.load(folder, catalog)
    store = EventStore.of(settings)
    said = profiles_set(settings)
    absent = Absent(forgotten=read_tombstones(store), silent=silent_users(behavior, said))
    return Sources(
        settings=settings,
        store=store,
        catalog=catalog,
        behavior=behavior,
        window=Window(now=now.astimezone(UTC), options=settings.learning, absent=absent),
        version=versions.version_name(now),
        ledger=UsedLedger(settings.paths.state / "datasets"),
    )


def make_sets(
    sources: Sources, names: Sequence[str], *, code_version: str
) -> dict[str, Published | Skipped]:
    """Make the named sets out of one reading of the log; those that a run with this `now` published are told of again."""
    told: dict[str, Published | Skipped] = {}
    for name in names:
        if (done := find(sources.root / name, sources.version)) is not None:
            told[name] = done
    missing = [name for name in names if name not in told]
    for name, made in _made(sources, missing, code_version).items():
        if isinstance(made, Skipped):
            told[name] = made
            continue
        parts, card = made
        told[name] = publish(sources.root / name, sources.version, parts, card)
    for name in names:
        sources.ledger.settle(name)
    forget_old_sets(sources.settings, sources.window.now)
    return {name: told[name] for name in names}


def _made(sources: Sources, names: Sequence[str], code_version: str) -> dict[str, Made]:
    """Return the sets, all of the same kind of answers, and what every card says."""

    def read(views: Views) -> dict[str, Made]:
        window = sources.window.of_one_kind(views)
        return {
            name: _told(replace(sources, window=window), made, code_version)
            for name in names
            for made in (_MAKERS[name](replace(sources, window=window), views),)
        }

    return reading(sources.store, read) if names else {}


def _told(sources: Sources, made: Made, code_version: str) -> Made:
    if isinstance(made, Skipped):
        return made
    parts, card = made
    return parts, {**card, **_common(sources, parts, code_version)}


def _talk(name: str, sources: Sources, views: Views) -> Made:
    options = sources.settings.learning
    make = {
        "nlg": lambda record: nlg_sample(record, sources.catalog, options),
        "nlu": lambda record: nlu_sample(record, options),
    }[name]
    used = sources.ledger.before(name, sources.version)
    return _enough(sources, make_talk_set(views, sources.window, name, make, used))


def _tone(sources: Sources, views: Views) -> Made:
    used = sources.ledger.before("tone", sources.version)
    return _enough(sources, make_tone_set(sources.catalog, sources.window, used))


def _enough(sources: Sources, samples: TextSamples) -> Made:
    return _checked(sources, samples.parts, samples.card)


def _ranker(sources: Sources, views: Views) -> Made:
    models = sources.settings.paths.models / "ranker"
    samples = make_ranker(
        views,
        sources.window,
        sources.catalog,
        seed=sources.settings.seed,
        foreign_models=foreign_models(models),
        not_before=champions_cut(models, sources.root / "ranker"),
    )
    fresh = new_answers(samples, sources.ledger.before("ranker", sources.version))
    made = _checked(sources, samples.parts, samples.card)
    if isinstance(made, Skipped):
        return made
    if not fresh:
        return Skipped("nothing was chosen since the last set; all answers of the window are in it")
    skew = audit(views, sources.settings, samples.parts, seed=sources.settings.seed)
    return made[0], {**made[1], "new_answers": fresh, "skew": skew}


def champions_cut(models: Path, sets: Path) -> int:
    """Return the cut of the set that the serving ranker learned from, 0 where there is none or it does not say."""
    if versions.current_version(models) is None:
        return 0
    try:
        card = json.loads((versions.current(models) / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArtifactError(f"the serving ranker in {models} has no readable card ({e})") from e
    folder = find_set(sets, str(card.get("dataset_hash")))
    return 0 if folder is None else int(read_card(folder).get("cut_us", 0))


def _checked(sources: Sources, parts: Parts, card: Mapping[str, Any]) -> Made:
    rows, least = sum(t.num_rows for t in parts.values()), sources.settings.learning.min_samples
    why = ", ".join(f"{name} {count}" for name, count in card["dropped"].items())
    if rows < least or any(not t.num_rows for t in parts.values()):
        shape = " + ".join(f"{t.num_rows} {name}" for name, t in parts.items())
        return Skipped(
            f"{rows} samples ({shape}), at least {least} in both parts are needed "
            f"(learning.min_samples); left out: {why or 'nothing'} (learning.source is "
            f"{sources.settings.learning.source}: auto learns from simulated answers only where there are no real ones)"
        )
    return parts, card


def _common(sources: Sources, parts: Parts, code_version: str) -> dict[str, Any]:
    times = pa.chunked_array([c for t in parts.values() for c in t["time"].chunks])
    first, last = pc.min_max(times).as_py().values()
    simulated = pa.chunked_array([c for t in parts.values() for c in t["simulated"].chunks])
    marked = pc.sum(simulated).as_py() or 0
    return {
        "version": sources.version,
        "now": sources.window.now.isoformat(),
        "window_days": sources.settings.learning.window_days,
        "time_range": [first.isoformat(), last.isoformat()],
        "sources": [f"events {sources.store.storage.root}", f"catalogue {sources.catalog.version}"],
        "simulated": marked > 0,
        "simulated_rows": marked,
        "users_without_consent": len(sources.window.silent),
        "settings": sources.settings.learning.model_dump(mode="json"),
        "seed": sources.settings.seed,
        "code_version": code_version,
    }


_MAKERS: Final[Mapping[str, Callable[[Sources, Views], Made]]] = {
    "nlg": partial(_talk, "nlg"),
    "nlu": partial(_talk, "nlu"),
    "tone": _tone,
    "ranker": _ranker,
}
