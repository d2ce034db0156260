"""Adapters and the base: the champion merged into the weights, and what a serving engine is to load.

Checking and differences need no torch and live in `cluster.registry.adapters`; they are offered here too,
so that a training run finds everything about adapters in one place.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from cluster.registry.adapters import (
    AdapterInfo,
    base_digest,
    base_name,
    check_adapter,
    difference_adapter,
)
from cluster.registry.champion import Champion, champion, repository_champion
from cluster.registry.sealed import building
from naviyam.errors import ArtifactError, NaviyamError
from naviyam.settings import Settings
from training.lora.base import prepare_base
from training.lora.program import run

__all__ = [
    "AdapterInfo",
    "base_digest",
    "base_name",
    "check_adapter",
    "difference_adapter",
    "merge_into_base",
    "prepare_serving",
]

_log = logging.getLogger(__name__)


def merge_into_base(base: Path, adapter: Path, out: Path) -> Path:
    """Return a model folder below `out` whose weights are base + adapter, made once per pair.

    Raises:
        ArtifactError: the adapter is damaged or made for another base.
    """
    info = check_adapter(adapter, base)
    target = (
        out / f"{base_name(base).replace('/', '--')}-{base_digest(base)[:12]}-{info.digest[:12]}"
    )
    with building(target) as temporary:
        if temporary is not None:
            _log.info("merging %s into %s", adapter, target)
            run("training.lora.merge", base, adapter, temporary)
    return target


def prepare_serving(settings: Settings) -> dict[str, str | None]:
    """Make the folders that an engine loads; return their paths.

    Keys: `base` the plain base, `champion` the adapter's folder or None, `version` its version, `model` the folder
    to serve (base + champion where `llm.merge_champion`, else the base). Where the promoted adapter cannot be used
    the repository's serves, so that a bad file on disk does not keep the service down.
    """
    base = prepare_base(settings)
    chosen, fallback = champion(settings), repository_champion(settings)
    if chosen is None or fallback is None:
        return {"base": str(base), "champion": None, "version": None, "model": str(base)}
    try:
        model = _model_with(settings, base, chosen)
    except ArtifactError as e:
        if chosen == fallback:
            raise
        _log.error("the promoted adapter was refused, the repository's serves: %s", e)
        chosen = fallback
        model = _model_with(settings, base, chosen)
    return {
        "base": str(base),
        "champion": str(chosen.folder),
        "version": chosen.version,
        "model": str(model),
    }


def _model_with(settings: Settings, base: Path, chosen: Champion) -> Path:
    if settings.llm.merge_champion:
        return merge_into_base(base, chosen.folder, settings.paths.cache / "merged")
    check_adapter(chosen.folder, base)
    return base


def main() -> None:
    """Write `prepare_serving` as JSON to standard output; exit 1 with the reason where it cannot be done."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--config", type=Path, help="a YAML file; without it settings as JSON on stdin"
    )
    path = parser.parse_args().config
    try:
        settings = Settings.load(path) if path else Settings.parse(json.load(sys.stdin))
        sys.stdout.write(json.dumps(prepare_serving(settings)) + "\n")
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
