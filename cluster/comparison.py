"""Registered versions side by side, each against the first on the same held-out data. The evaluation is a program, known by name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cluster.registry.models import ModelRegistry
from naviyam import versions
from naviyam.errors import InputError
from naviyam.settings import Settings

KINDS: Final[Mapping[str, str]] = {"ranker": "ranker", "nlg": "lora", "nlu": "nlu"}
"""What `training.evaluation` calls a model, by its name in the registry."""

_PROGRAM: Final = "training.evaluation"
_WITHOUT_DATA: Final = frozenset(("nlu",))


def compare(
    settings: Settings,
    registry: ModelRegistry,
    name: str,
    names: Sequence[str],
    *,
    data: Path | None,
    run: Callable[[str, Sequence[str]], Mapping[str, Any]],
) -> dict[str, Any]:
    """Measure versions of a model; a version may be named by its alias.

    Args:
        settings: where the data sets lie.
        registry: knows the versions.
        name: `ranker`, `nlg` or `nlu`.
        names: two versions or more; the others are compared with the first.
        data: data set folder; None means the newest one (`nlu` has fixed sets of its own).
        run: runs a program by module and arguments and returns its result.

    Returns:
        `{model, against, data, metrics: {version: {metric: value}}, differences: {version: {metric: {mean, low, high}}}}`.

    Raises:
        InputError: another model, or fewer than two versions.
        NotFoundError: a version or the data set is not there.
    """
    if name not in KINDS:
        raise InputError(f"{name!r} is not compared; what is: {sorted(KINDS)}", field="model")
    held = list(dict.fromkeys(registry.get(name, each).version for each in names))
    if len(held) < 2:
        raise InputError(f"{list(names)} is one version; name two or more", field="versions")
    if data is None and name not in _WITHOUT_DATA:
        data = versions.current(settings.paths.state / "datasets" / name)
    first, *others = (registry.get(name, version) for version in held)
    metrics: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    for other in others:
        found = run(
            _PROGRAM,
            [
                KINDS[name],
                *("--candidate", str(other.folder), "--champion", str(first.folder)),
                *(("--data", str(data)) if data is not None else ()),
                "--dry-run",  # a registered folder stays as it is
            ],
        )
        metrics.setdefault(first.version, found["champion"])
        metrics[other.version] = found["candidate"]
        differences[other.version] = found.get("difference", {})
    return {
        "model": name,
        "against": first.version,
        "data": None if data is None else str(data),
        "metrics": metrics,
        "differences": differences,
    }
