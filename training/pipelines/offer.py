"""A trained candidate beside what serves: evaluated, decided on, registered, challenger or refused. No Ray here.

The last step of `naviyam learn`, and by itself what `naviyam models offer` does with a model that was trained or tuned by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cluster.registry.content import card_of, lineage_of
from cluster.registry.models import ModelRegistry, ModelVersion
from cluster.registry.release import (
    OFFLINE_GAIN,
    Differences,
    Interval,
    Refused,
    decide,
    offline_gain,
)
from naviyam.errors import InputError, NotFoundError
from naviyam.settings import Release
from training.datasets.read import read_card
from training.pipelines.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One kind of model that learns from use."""

    name: str
    """In the registry and below `paths.models`."""

    program: str
    kind: str
    """What `training.evaluation` calls it."""


KINDS: Final = (
    Trained(name="ranker", program="training.wide_deep", kind="ranker"),
    Trained(name="nlg", program="training.lora", kind="lora"),
)


def kind_of(name: str) -> Trained:
    """Return the kind of that name.

    Raises:
        InputError: there is none.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(
        f"{name!r} does not learn from use; what does: {[k.name for k in KINDS]}", field="name"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate's folder with what it was measured on, against and at."""

    folder: Path
    champion: str
    """Version that it was measured beside."""

    data: Mapping[str, Any]
    """Data set: `folder`, and `hash` and `simulated` of its card."""

    evaluated: Mapping[str, Any]
    """What `training.evaluation` found."""


def offer(
    registry: ModelRegistry,
    runner: Runner,
    name: str,
    candidate: Path,
    *,
    data: Path,
    config: Path | None,
    limits: Release,
) -> dict[str, Any]:
    """Measure a model's folder beside what serves and register it; accepted, it becomes the challenger.

    Raises:
        InputError: no such kind of model.
        NotFoundError: nothing of that kind serves.
        ArtifactError: the candidate or the data set is not whole.
        NaviyamError: the evaluation failed.
    """
    kind = kind_of(name)
    card = read_card(data)
    champion = champion_of(registry, name)
    settings = ["--config", str(config)] if config else []
    evaluated = runner.run(
        f"{name}-evaluate",
        candidate.parent,
        "training.evaluation",
        [kind.kind, *settings, "--data", str(data), "--candidate", str(candidate),
         "--champion", champion["folder"]],
    )  # fmt: skip
    judged = Judged(
        folder=candidate,
        champion=champion["version"],
        data={**described(card), "folder": str(data)},
        evaluated=evaluated,
    )
    return release(registry, name, judged, limits=limits, promote_as=None)


def champion_of(registry: ModelRegistry, name: str) -> dict[str, str]:
    """Return version and folder of what serves; the registry's history begins with it where it never knew it."""
    registry.adopt(name)
    held = registry.alias(name, "champion")
    if held is None:
        raise NotFoundError(f"no {name} serves; run `naviyam bootstrap` first")
    return {"version": held.version, "folder": str(held.folder)}


def described(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a lineage takes from a data set's card."""
    return {"hash": card.get("hash", ""), "simulated": bool(card.get("simulated", False))}


def release(
    registry: ModelRegistry, name: str, judged: Judged, *, limits: Release, promote_as: str | None
) -> dict[str, Any]:
    """Register a candidate and act on the decision; doing it again after a kill changes nothing.

    Args:
        registry: that it enters.
        name: of its kind.
        judged: the candidate and its figures.
        limits: thresholds.
        promote_as: who lets it serve at once when it is accepted; None leaves it as challenger.
    """
    evaluated = judged.evaluated
    candidate, champion = _numbers(evaluated["candidate"]), _numbers(evaluated["champion"])
    difference = _intervals(evaluated.get("difference", {}))
    decision = decide(name, candidate, champion, limits, difference=difference)
    version = _register(registry, name, judged, offline_gain(name, candidate, champion))
    told = {
        "version": version.version,
        "reasons": list(decision.reasons),
        "metrics": candidate,
        "champion": judged.champion,
    }
    if version.version == judged.champion:
        unchanged = f"training left {judged.champion} as it was"
        return {**told, "decision": "refused", "reasons": [unchanged]}
    if isinstance(decision, Refused):
        registry.refuse(name, version.version, reason="; ".join(decision.reasons))
        return {"decision": "refused", **told}
    if version.refused is not None:
        before = f"the same weights were refused before: {version.refused}"
        return {**told, "decision": "refused", "reasons": [before]}
    registry.set_alias(name, "challenger", version.version)
    if promote_as is None:
        return {"decision": "challenger", **told}
    serving = registry.alias(name, "champion")
    if serving is not None and serving.version not in (judged.champion, version.version):
        other = f"it was judged against {judged.champion}, but {serving.version} serves by now"
        return {**told, "decision": "challenger", "reasons": [*decision.reasons, other]}
    registry.promote(name, version.version, who=promote_as, why="; ".join(decision.reasons))
    return {"decision": "promoted", **told}


def _register(
    registry: ModelRegistry, name: str, judged: Judged, gain: float | None
) -> ModelVersion:
    metrics = _numbers(judged.evaluated["candidate"])
    return registry.register(
        name,
        judged.folder,
        lineage=replace(
            lineage_of(card_of(judged.folder)),
            parent=judged.champion,
            dataset_hash=str(judged.data.get("hash", "")),
            dataset_folder=str(judged.data["folder"]),
            simulated=bool(judged.data.get("simulated", False)),
        ),
        metrics=metrics if gain is None else {**metrics, OFFLINE_GAIN: gain},
    )


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}


def _intervals(found: Mapping[str, Mapping[str, float]]) -> Differences:
    return {
        metric: Interval(mean=each["mean"], low=each["low"], high=each["high"])
        for metric, each in found.items()
    }
