"""What the registry of models knows: versions with lineage, aliases, and a history of what served when.

Types and ports only. A version's bytes lie in `paths.models/<name>/<version>`; the pointer `CURRENT` there names what
serves. The registry says where a version comes from, what it measured, and who let it serve.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

Alias = Literal["champion", "challenger"]
ALIASES: Mapping[str, Alias] = {"champion": "champion", "challenger": "challenger"}
Act = Literal["adopt", "promote", "rollback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a version comes from. `parent` is the version it continued; "" and None: not known."""

    parent: str | None = None
    base: str | None = None
    dataset_hash: str = ""
    dataset_folder: str = ""
    code: str = ""
    seed: int | None = None
    simulated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A registered version. `digest` names its content: the same content is the same version."""

    name: str
    version: str
    kind: str
    digest: str
    folder: Path
    files: Mapping[str, str]
    """SHA-256 of each file at registration."""

    lineage: Lineage
    metrics: Mapping[str, float]
    created_at: datetime
    refused: str | None = None
    """Why it may not serve; the same content is not offered again."""

    removed_at: datetime | None = None
    """When its files were cleaned up; the record stays."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON; where it lies on this machine is left out."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "digest": self.digest,
            "files": dict(self.files),
            "lineage": asdict(self.lineage),
            "metrics": dict(self.metrics),
            "created_at": self.created_at.isoformat(),
            "refused": self.refused,
            "removed_at": self.removed_at and self.removed_at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One entry of the history: from when on a version was to serve, instead of what, and why."""

    name: str
    version: str
    previous: str | None
    act: Act
    who: str
    why: str
    at: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "at": self.at.isoformat(), "metrics": dict(self.metrics)}


class Records(Protocol):
    """Where a registry keeps its records. Each call is atomic and durable; there is one writer at a time per name."""

    def names(self) -> tuple[str, ...]:
        """Return the registered names, sorted."""
        ...

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return every version, oldest first; none for a name nobody registered."""
        ...

    def add(self, version: ModelVersion) -> None:
        """Keep a new version."""
        ...

    def mark(
        self,
        name: str,
        version: str,
        *,
        refused: str | None = None,
        removed_at: datetime | None = None,
    ) -> None:
        """Note on a version why it was refused, or when its files went; None changes nothing."""
        ...

    def alias(self, name: str, alias: Alias) -> str | None:
        """Return the version that an alias names."""
        ...

    def set_alias(self, name: str, alias: Alias, version: str | None) -> None:
        """Let an alias name a version, or nothing."""
        ...

    def history(self, name: str) -> tuple[Served, ...]:
        """Return what served, oldest first."""
        ...

    def append(self, entry: Served) -> None:
        """Add an entry at the end of the history."""
        ...


class ModelRegistry(Protocol):
    """One API for rankers, adapters, classifiers and indexes. Every call may be repeated after a crash."""

    def names(self) -> tuple[str, ...]:
        """Return the registered names, sorted."""
        ...

    def adopt(self, name: str, *, who: str = ..., why: str = ...) -> Served | None:
        """Register what serves already and let the history begin with it; None where nothing serves."""
        ...

    def register(
        self,
        name: str,
        folder: Path,
        *,
        lineage: Lineage | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> ModelVersion:
        """Check a folder and keep a copy of it as a version that does not serve yet.

        Idempotent by content: a known digest returns the version it has, with `refused` where it was refused.

        Raises:
            ArtifactError: it is broken, or of another kind or base.
        """
        ...

    def get(self, name: str, version: str) -> ModelVersion:
        """Return a version, or the one an alias names.

        Raises:
            NotFoundError: there is none.
        """
        ...

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return every version, oldest first."""
        ...

    def alias(self, name: str, alias: Alias) -> ModelVersion | None:
        """Return the version that an alias names."""
        ...

    def set_alias(self, name: str, alias: Alias, version: str | None) -> None:
        """Let `challenger` name a version or nothing; the champion changes by `promote` and `rollback` alone."""
        ...

    def refuse(self, name: str, version: str, reason: str) -> ModelVersion:
        """Record why a version may not serve; never of the champion."""
        ...

    def promote(self, name: str, version: str, *, who: str, why: str) -> Served:
        """Let a version serve: integrity, history, alias, pointer. Running replicas follow within seconds.

        Raises:
            ArtifactError: its files are not those that were registered.
            ConflictError: it was refused or its files were cleaned up.
        """
        ...

    def rollback(self, name: str, to: str | None = None, *, who: str, why: str) -> Served:
        """Let an earlier version serve again; without `to` the last good one.

        Raises:
            ConflictError: there is none that is whole.
        """
        ...

    def history(self, name: str) -> tuple[Served, ...]:
        """Return what served, oldest first."""
        ...

    def cleanup(
        self, name: str, *, keep: int, serving: Collection[str] = (), dry_run: bool = False
    ) -> tuple[str, ...]:
        """Remove the files of old versions; return which. Never champion, challenger, last good or one that serves."""
        ...

    def reconcile(self, name: str) -> Served | None:
        """Bring alias and pointer to what the history says; return the repair, None where nothing was to do."""
        ...


def stack(history: Collection[Served]) -> tuple[str, ...]:
    """Return the versions that one may fall back to, the champion last.

    A rollback takes off what it left, so that a second one does not return to it.

    >>> from datetime import UTC, datetime
    >>> def entry(act, version):
    ...     return Served(name="m", version=version, previous=None, act=act, who="", why="", at=datetime.now(UTC))
    >>> stack([entry("adopt", "a"), entry("promote", "b"), entry("promote", "c"), entry("rollback", "b")])
    ('a', 'b')
    """
    kept: list[str] = []
    for entry in history:
        if entry.act == "rollback" and entry.version in kept:
            del kept[kept.index(entry.version) + 1 :]
        elif not kept or kept[-1] != entry.version:
            kept.append(entry.version)
    return tuple(kept)
