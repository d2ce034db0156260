"""What may be registered under which name: where it lies and how a folder is checked. Loads nothing into a service."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.registry.adapters import check_adapter
from cluster.registry.champion import champion_root, repository_adapter
from cluster.registry.sealed import is_sealed
from naviyam.errors import ConfigError
from naviyam.settings import Settings

Check = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One name's rules."""

    kind: str
    root: Path
    """Folder of the versions and of `CURRENT`."""

    check: Check
    """Raises ArtifactError for a folder that must not serve."""

    initial: Path | None = None
    """What serves where `CURRENT` is absent: a folder that comes with the repository."""

    follows: str | None = None
    """What decides which version serves where that is not this registry; such a version stays where it lies."""


def kinds(settings: Settings) -> Mapping[str, Kind]:
    """Return the rules of every name that an installation registers."""
    paths = settings.paths
    return {
        "ranker": Kind(kind="wide_deep", root=paths.models / "ranker", check=_check_ranker),
        "nlg": Kind(
            kind="lora",
            root=champion_root(settings),
            check=lambda folder: _check_adapter(folder, settings),
            initial=repository_adapter(settings),
        ),
        "nlu": Kind(
            kind="nlu_classifier",
            root=paths.models / "nlu",
            check=lambda folder: _check_classifier(folder, settings),
            initial=paths.classifier,
        ),
        "index": Kind(
            kind="index",
            root=paths.index,
            check=_check_index,
            follows="the catalogue",
        ),
    }


def served_base(settings: Settings) -> Path:
    """Return the folder of the base that the engine serves.

    Raises:
        ConfigError: it was not converted or fetched yet.
    """
    name = settings.llm.base
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    converted = [f for f in (settings.paths.cache / "base").glob(f"{name}-*") if is_sealed(f)]
    if converted:
        return max(converted, key=lambda f: f.stat().st_mtime)
    hub = importlib.import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as e:
        raise ConfigError(
            f"base {name!r} is not on this machine; run `naviyam bootstrap` first"
        ) from e


def _check_ranker(folder: Path) -> None:
    importlib.import_module("naviyam.ranker.artifact").load_artifact(folder)


def _check_adapter(folder: Path, settings: Settings) -> None:
    base = served_base(settings)
    check_adapter(folder, base, max_rank=settings.llm.max_lora_rank)


def _check_classifier(folder: Path, settings: Settings) -> None:
    encoder = importlib.import_module("naviyam.retrieval.encoder").load_encoder(settings.retrieval)
    importlib.import_module("naviyam.nlu.classifier").Classifier.load(folder, encoder)


def _check_index(folder: Path) -> None:
    importlib.import_module("naviyam.retrieval.index").read_card(folder)
