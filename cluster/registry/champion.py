"""Which adapter is to serve: the one that `paths.models/nlg/CURRENT` names, else the repository's. Reads small files only."""

import json
from dataclasses import dataclass
from pathlib import Path

from naviyam.settings import Settings
from naviyam.versions import current_version

UNVERSIONED = "champion"
"""The version of an adapter whose card names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The adapter that requests without an adapter are to use."""

    name: str
    version: str
    folder: Path

    @property
    def key(self) -> str:
        return f"{self.name}@{self.version}"


def champion_root(settings: Settings) -> Path:
    """Return the folder of the adapter's published versions."""
    return settings.paths.models / (settings.llm.adapter or "nlg")


def published_champion(settings: Settings) -> Champion | None:
    """Return the adapter that the pointer names, None where none was ever promoted."""
    if not settings.llm.adapter:
        return None
    root = champion_root(settings)
    version = current_version(root)
    if version is None:
        return None
    return Champion(name=settings.llm.adapter, version=version, folder=root / version)


def repository_champion(settings: Settings) -> Champion | None:
    """Return the adapter that comes with the repository, None where the plain base serves."""
    folder = repository_adapter(settings)
    if folder is None:
        return None
    try:
        card = json.loads((folder / "model.json").read_text("utf-8"))
        version = str(card["version"])
    except (OSError, ValueError, KeyError, TypeError):
        version = UNVERSIONED
    return Champion(name=settings.llm.adapter, version=version, folder=folder)


def champion(settings: Settings) -> Champion | None:
    """Return the adapter that is to serve, None where the plain base does."""
    return published_champion(settings) or repository_champion(settings)


def repository_adapter(settings: Settings) -> Path | None:
    """Return the folder of the adapter that comes with the repository."""
    return settings.paths.adapters / settings.llm.adapter if settings.llm.adapter else None


def adapter_version(settings: Settings) -> str:
    """Return the champion adapter as `name@version`, else `none`."""
    found = champion(settings)
    return found.key if found is not None else "none"


def challenger(settings: Settings, version: str) -> Champion:
    """Return a registered version of the adapter, to be served beside the champion."""
    name = settings.llm.adapter or "nlg"
    return Champion(name=name, version=version, folder=champion_root(settings) / version)


def reader(settings: Settings) -> Champion | None:
    """Return the adapter that reads messages, None where that layer is off or the adapter has no card."""
    name, version = settings.nlu.llm_adapter, reader_version(settings)
    if not settings.nlu.llm or version == name:
        return None
    version = version.partition("@")[2]
    return Champion(name=name, version=version, folder=settings.paths.adapters / name)


def reader_version(settings: Settings) -> str:
    """Return the adapter that reads messages as `name@version`, its name alone where no card says a version."""
    name = settings.nlu.llm_adapter
    try:
        card = json.loads((settings.paths.adapters / name / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return name
    return f"{name}@{card['version']}" if isinstance(card, dict) and "version" in card else name
