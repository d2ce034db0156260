"""Records of models in this process: for tests, notebooks and dry runs. The models' files are real."""

from dataclasses import replace
from datetime import datetime

from cluster.registry.models import Alias, ModelVersion, Served


class MemoryRecords:
    """`Records` in dictionaries; gone with the process."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, ModelVersion]] = {}
        self._aliases: dict[tuple[str, Alias], str] = {}
        self._history: dict[str, list[Served]] = {}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._versions))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        return tuple(self._versions.get(name, {}).values())

    def add(self, version: ModelVersion) -> None:
        self._versions.setdefault(version.name, {})[version.version] = version

    def mark(
        self,
        name: str,
        version: str,
        *,
        refused: str | None = None,
        removed_at: datetime | None = None,
    ) -> None:
        held = self._versions[name][version]
        self._versions[name][version] = replace(
            held,
            refused=refused if refused is not None else held.refused,
            removed_at=removed_at or held.removed_at,
        )

    def alias(self, name: str, alias: Alias) -> str | None:
        return self._aliases.get((name, alias))

    def set_alias(self, name: str, alias: Alias, version: str | None) -> None:
        self._aliases.pop((name, alias), None)
        if version is not None:
            self._aliases[name, alias] = version

    def history(self, name: str) -> tuple[Served, ...]:
        return tuple(self._history.get(name, ()))

    def append(self, entry: Served) -> None:
        self._history.setdefault(entry.name, []).append(entry)
