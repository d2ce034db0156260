"""The registry's rules over any `Records`: what may be registered, promoted, rolled back and cleaned up, and in which order.

A change of what serves is four steps: the files are checked, the history gets its entry, the alias follows, then the
pointer. The entry decides: after a crash anywhere, `reconcile` (which each change calls first) brings alias and pointer
to what the history says. A pointer that names what the history never did was set by a program that publishes by itself
(the initial training); it is adopted.
"""

import contextlib
import fcntl
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cluster.registry.content import (
    card_of,
    check_whole,
    digest_of,
    file_hashes,
    lineage_of,
    metrics_of,
)
from cluster.registry.kinds import Kind
from cluster.registry.models import (
    ALIASES,
    Act,
    Alias,
    Lineage,
    ModelVersion,
    Records,
    Served,
    stack,
)
from naviyam import versions
from naviyam.clock import Clock
from naviyam.errors import ArtifactError, ConflictError, NotFoundError

_LOCK = ".registry-lock"
_log = logging.getLogger(__name__)


class Registry:
    """Implements `ModelRegistry`. Processes take turns per name; a call that dies leaves nothing half done behind.

    Args:
        records: where versions, aliases and history are kept.
        kinds: the rules by name.
        clock: for version names and the history.
    """

    def __init__(self, records: Records, kinds: Mapping[str, Kind], clock: Clock) -> None:
        self._records = records
        self._kinds = kinds
        self._clock = clock

    def names(self) -> tuple[str, ...]:
        return self._records.names()

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return every version, oldest first; folders are where the state lies now."""
        held = self._records.versions(name)
        root = self._kinds[name].root if name in self._kinds else None
        return held if root is None else tuple(replace(v, folder=root / v.version) for v in held)

    def history(self, name: str) -> tuple[Served, ...]:
        return self._records.history(name)

    def get(self, name: str, version: str) -> ModelVersion:
        held = {v.version: v for v in self.versions(name)}
        if alias := ALIASES.get(version):
            version = self._records.alias(name, alias) or version
        if version not in held:
            raise NotFoundError(
                f"no version {version!r} of {name!r} is registered; there are: {list(held) or 'none'}"
            )
        return held[version]

    def alias(self, name: str, alias: Alias) -> ModelVersion | None:
        version = self._records.alias(name, alias)
        return None if version is None else self.get(name, version)

    def adopt(
        self, name: str, *, who: str = "registry", why: str = "it served already"
    ) -> Served | None:
        with self._turn(name) as kind:
            return self._reconcile(name, kind, who=who, why=why)

    def reconcile(self, name: str) -> Served | None:
        with self._turn(name) as kind:
            return self._reconcile(name, kind)

    def register(
        self,
        name: str,
        folder: Path,
        *,
        lineage: Lineage | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> ModelVersion:
        with self._turn(name) as kind:
            return self._register(name, kind, folder, lineage, metrics)

    def set_alias(self, name: str, alias: Alias, version: str | None) -> None:
        if alias == "champion":
            raise ConflictError("the champion changes by promote and rollback, which check it")
        with self._turn(name):
            if version is not None:
                self._may_serve(self.get(name, version))
            self._records.set_alias(name, alias, version)

    def refuse(self, name: str, version: str, reason: str) -> ModelVersion:
        with self._turn(name):
            held = self.get(name, version)
            if self._records.alias(name, "champion") == held.version:
                raise ConflictError(f"{name} {held.version} serves; roll back first, then refuse")
            self._records.mark(name, held.version, refused=reason)
            if self._records.alias(name, "challenger") == held.version:
                self._records.set_alias(name, "challenger", None)
            return self.get(name, held.version)

    def promote(self, name: str, version: str, *, who: str, why: str) -> Served:
        with self._turn(name) as kind:
            self._governed(name, kind)
            self._reconcile(name, kind)
            return self._serve(name, kind, self.get(name, version), "promote", who=who, why=why)

    def rollback(self, name: str, to: str | None = None, *, who: str, why: str) -> Served:
        with self._turn(name) as kind:
            self._governed(name, kind)
            repaired = self._reconcile(name, kind)
            if to is not None:
                return self._serve(name, kind, self.get(name, to), "rollback", who=who, why=why)
            if repaired is not None and repaired.act == "rollback":
                return repaired  # the call that died before its pointer; another step back was not asked for
            back = self._back(name, kind, who=who, why=why)
            if back is None:
                raise ConflictError(
                    f"{name} has no earlier version that is whole; register one and promote it"
                )
            return back

    def cleanup(
        self, name: str, *, keep: int, serving: Collection[str] = (), dry_run: bool = False
    ) -> tuple[str, ...]:
        with self._turn(name) as kind:
            self._governed(name, kind)
            self._reconcile(name, kind)
            held = [v.version for v in self.versions(name) if v.removed_at is None]
            recent = held[-keep:] if keep > 0 else []
            kept = {*self._protected(name, kind), *serving, *recent}
            old = tuple(version for version in held if version not in kept)
            if dry_run:
                return old
            for version in old:
                self._records.mark(name, version, removed_at=self._clock.now())
            for v in self.versions(name):
                if v.removed_at is not None:
                    versions.remove(kind.root, v.version)
            return old

    def _protected(self, name: str, kind: Kind) -> set[str]:
        earlier = self._earlier(name)
        named = {self._records.alias(name, "champion"), self._records.alias(name, "challenger")}
        named |= {versions.current_version(kind.root)}
        named |= {earlier[0].version} if earlier else set()
        return {version for version in named if version is not None}

    def _earlier(self, name: str) -> list[ModelVersion]:
        """Return what may be fallen back to, the last good one first."""
        held = {v.version: v for v in self.versions(name)}
        found = [held[v] for v in stack(self._records.history(name))[:-1][::-1] if v in held]
        return [v for v in found if v.removed_at is None and v.refused is None]

    def _register(
        self,
        name: str,
        kind: Kind,
        folder: Path,
        lineage: Lineage | None,
        metrics: Mapping[str, float] | None,
    ) -> ModelVersion:
        digest = digest_of(file_hashes(folder))
        kind.check(folder)
        for held in self.versions(name):
            if held.digest == digest and held.removed_at is None:
                return held
        target = self._placed(name, kind, folder, digest)
        card = card_of(target)
        version = ModelVersion(
            name=name,
            version=target.name,
            kind=kind.kind,
            digest=digest,
            folder=target,
            files=file_hashes(target),
            lineage=lineage_of(card) if lineage is None else lineage,
            metrics={**metrics_of(card), **(metrics or {})},
            created_at=self._clock.now(),
        )
        self._records.add(version)
        return version

    def _placed(self, name: str, kind: Kind, folder: Path, digest: str) -> Path:
        """Return the content's place among the versions; copied there unless an earlier call that died did."""
        known = {v.version for v in self.versions(name)}
        if kind.follows is not None or folder.resolve().parent == kind.root.resolve():
            if folder.name in known:
                raise ConflictError(
                    f"{folder} is registered with other content; versions never change, use a new name"
                )
            return kind.root / folder.name
        for orphan in versions.list_versions(kind.root):
            if orphan not in known and digest_of(file_hashes(kind.root / orphan)) == digest:
                return kind.root / orphan
        now = self._clock.now()
        while (version := versions.version_name(now)) in known or (kind.root / version).exists():
            now += timedelta(microseconds=1)

        def copy(target: Path) -> None:
            shutil.copytree(folder, target, dirs_exist_ok=True)

        return versions.add(kind.root, version, copy)

    def _reconcile(
        self, name: str, kind: Kind, *, who: str = "registry", why: str = "it served already"
    ) -> Served | None:
        entries = self._records.history(name)
        pointed = versions.current_version(kind.root)
        if not entries:
            return self._adopt(name, kind, pointed, who=who, why=why)
        last = entries[-1]
        expected = (last.version,) if kind.follows else (None, last.version, last.previous)
        if pointed not in expected:
            return self._adopt(name, kind, pointed, who=who, why="published outside the registry")
        if pointed == last.version and self._records.alias(name, "champion") == last.version:
            return None
        held = self.get(name, last.version)
        try:
            check_whole(held.folder, held.files)
        except ArtifactError as e:
            _log.error("%s %s cannot serve: %s", name, last.version, e)
            return self._back(name, kind, who="registry", why=f"{last.version} is broken: {e}")
        self._point(kind, held)
        return last

    def _adopt(
        self, name: str, kind: Kind, pointed: str | None, *, who: str, why: str
    ) -> Served | None:
        folder = kind.root / pointed if pointed is not None else kind.initial
        if folder is None or not folder.is_dir():
            return None
        try:
            held = self._register(name, kind, folder, None, None)
            return self._serve(name, kind, held, "adopt", who=who, why=why)
        except (ArtifactError, ConflictError) as e:
            _log.error("%s: what %s holds cannot be adopted: %s", name, folder, e)
            return None

    def _back(self, name: str, kind: Kind, *, who: str, why: str) -> Served | None:
        for held in self._earlier(name):
            try:
                return self._change(kind, held, "rollback", who=who, why=why)
            except ArtifactError as e:
                _log.warning("%s %s cannot serve again: %s", name, held.version, e)
        return None

    def _serve(
        self, name: str, kind: Kind, held: ModelVersion, act: Act, *, who: str, why: str
    ) -> Served:
        """Let a version serve; where it is the last of the history already, only see that it does."""
        entries = self._records.history(name)
        if entries and entries[-1].version == held.version:
            check_whole(held.folder, held.files)
            self._point(kind, held)
            return entries[-1]
        return self._change(kind, held, act, who=who, why=why)

    def _change(self, kind: Kind, held: ModelVersion, act: Act, *, who: str, why: str) -> Served:
        """Check, add to the history, then let alias and pointer follow."""
        self._may_serve(held)
        check_whole(held.folder, held.files)
        kind.check(held.folder)
        entries = self._records.history(held.name)
        entry = Served(
            name=held.name,
            version=held.version,
            previous=entries[-1].version if entries else None,
            act=act,
            who=who,
            why=why,
            at=self._clock.now(),
            metrics=held.metrics,
        )
        self._records.append(entry)
        self._point(kind, held)
        return entry

    def _point(self, kind: Kind, held: ModelVersion) -> None:
        if self._records.alias(held.name, "champion") != held.version:
            self._records.set_alias(held.name, "champion", held.version)
        if self._records.alias(held.name, "challenger") == held.version:
            self._records.set_alias(held.name, "challenger", None)
        if kind.follows is None and versions.current_version(kind.root) != held.version:
            versions.set_current(kind.root, held.version)

    def _may_serve(self, held: ModelVersion) -> None:
        if held.refused is not None:
            raise ConflictError(f"{held.name} {held.version} was refused: {held.refused}")
        if held.removed_at is not None:
            raise ConflictError(
                f"{held.name} {held.version} was cleaned up at {held.removed_at.isoformat()}; train it again"
            )

    def _governed(self, name: str, kind: Kind) -> None:
        if kind.follows is not None:
            raise ConflictError(
                f"which {name} serves follows {kind.follows}; publish or roll back that instead"
            )

    @contextlib.contextmanager
    def _turn(self, name: str) -> Iterator[Kind]:
        """Wait until no other process changes this name."""
        if name not in self._kinds:
            raise NotFoundError(f"no model {name!r}; there are: {', '.join(sorted(self._kinds))}")
        kind = self._kinds[name]
        kind.root.mkdir(parents=True, exist_ok=True)
        with (kind.root / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield kind
