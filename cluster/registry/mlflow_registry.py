"""Records of models in MLflow: its UI shows versions, metrics, aliases and the history. One SQLite file, no server.

A name is a registered model; a version is a model version with a run for its parameters and metrics. MLflow numbers
versions; our time names, which are folder names too, stand in the tag `version`. The history is kept in tags of the
registered model, one an entry. `mlflow ui --backend-store-uri sqlite:///<paths.state>/mlflow/mlflow.db` shows all.

Importing this module imports MLflow, which takes seconds: import it where it is needed.
"""

import fcntl
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion as Held
from mlflow.exceptions import MlflowException

from cluster.registry.kinds import kinds
from cluster.registry.models import Alias, Lineage, ModelVersion, Served
from cluster.registry.registry import Registry
from naviyam.clock import Clock, SystemClock
from naviyam.errors import ArtifactError
from naviyam.settings import Settings

_PAGE = 1_000
_HISTORY = "history."
_PARAM_CHARS = 500


class MlflowRecords:
    """`Records` over an MLflow store.

    Args:
        folder: where `mlflow.db` lies or is made; runs keep their artifacts below it.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self.uri = tracking_uri(folder)
        self._artifacts = folder / "artifacts"
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with (folder / ".lock").open("w") as lock:
            # MLflow makes and migrates its tables without a lock: of two processes that begin, one would fail.
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            self._client.search_registered_models(max_results=1)

    def names(self) -> tuple[str, ...]:
        found = self._client.search_registered_models(max_results=_PAGE)
        return tuple(sorted(m.name for m in found))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        return tuple(_read(held) for held in self._held(name))

    def add(self, version: ModelVersion) -> None:
        """Keep a version: its run first, then the model version with all its tags, which makes it count."""
        self._ensure_model(version.name)
        run_id = self._ensure_run(version)
        self._client.create_model_version(
            version.name,
            source=version.folder.resolve().as_uri(),
            run_id=run_id,
            description=_describe(version),
            tags={
                "version": version.version,
                "kind": version.kind,
                "digest": version.digest,
                "folder": str(version.folder.resolve()),
                "files": json.dumps(dict(version.files), sort_keys=True),
                "lineage": json.dumps(asdict(version.lineage)),
                "metrics": json.dumps(dict(version.metrics), sort_keys=True),
                "created_at": version.created_at.isoformat(),
            },
        )

    def mark(
        self,
        name: str,
        version: str,
        *,
        refused: str | None = None,
        removed_at: datetime | None = None,
    ) -> None:
        number = self._number(name, version)
        if refused is not None:
            self._client.set_model_version_tag(name, number, "refused", refused)
        if removed_at is not None:
            self._client.set_model_version_tag(name, number, "removed_at", removed_at.isoformat())

    def alias(self, name: str, alias: Alias) -> str | None:
        model = self._model(name)
        number = None if model is None else model.aliases.get(alias)
        if number is None:
            return None
        return str(self._client.get_model_version(name, str(number)).tags["version"])

    def set_alias(self, name: str, alias: Alias, version: str | None) -> None:
        if version is not None:
            self._client.set_registered_model_alias(name, alias, self._number(name, version))
        elif self.alias(name, alias) is not None:
            self._client.delete_registered_model_alias(name, alias)

    def history(self, name: str) -> tuple[Served, ...]:
        model = self._model(name)
        tags = {} if model is None else model.tags
        return tuple(
            _read_served(name, json.loads(tags[key]))
            for key in sorted(tags)
            if key.startswith(_HISTORY)
        )

    def append(self, entry: Served) -> None:
        self._ensure_model(entry.name)
        number = len(self.history(entry.name)) + 1
        content = {**asdict(entry), "at": entry.at.isoformat()}
        del content["name"]
        self._client.set_registered_model_tag(
            entry.name, f"{_HISTORY}{number:06d}", json.dumps(content, ensure_ascii=False)
        )

    def _held(self, name: str) -> list[Held]:
        found: list[Held] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(
                f"name='{name}'", max_results=_PAGE, page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                return sorted(found, key=lambda held: int(held.version))

    def _number(self, name: str, version: str) -> str:
        return next(str(h.version) for h in self._held(name) if h.tags.get("version") == version)

    def _model(self, name: str) -> Any | None:
        try:
            return self._client.get_registered_model(name)
        except MlflowException as e:
            if e.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _ensure_model(self, name: str) -> None:
        if self._model(name) is None:
            self._client.create_registered_model(name, description=f"Naviyam: {name}")

    def _ensure_run(self, version: ModelVersion) -> str:
        """Return the run of a version; one that a call left behind which then died is used again."""
        name = f"models/{version.name}"
        experiment = self._client.get_experiment_by_name(name)
        experiment_id = (
            experiment.experiment_id
            if experiment is not None
            else self._client.create_experiment(name, artifact_location=self._artifacts.as_uri())
        )
        left = self._client.search_runs(
            [experiment_id], f"tags.digest = '{version.digest}'", max_results=1
        )
        run = left[0] if left else self._client.create_run(experiment_id, run_name=version.version)
        run_id: str = run.info.run_id
        at_ms = int(version.created_at.timestamp() * 1_000)
        lineage = {k: v for k, v in asdict(version.lineage).items() if v not in (None, "")}
        self._client.log_batch(
            run_id,
            metrics=[Metric(_key(k), v, at_ms, 0) for k, v in version.metrics.items()],
            params=[] if left else [Param(k, str(v)[:_PARAM_CHARS]) for k, v in lineage.items()],
            tags=[
                RunTag("digest", version.digest),
                RunTag("model", version.name),
                RunTag("version", version.version),
            ],
        )
        self._client.set_terminated(run_id)
        return run_id


def tracking_uri(folder: Path) -> str:
    """Return MLflow's URI of the store in a folder."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def open_registry(settings: Settings, *, clock: Clock | None = None) -> Registry:
    """Return the registry of an installation; its records are in `paths.state`/mlflow."""
    records = MlflowRecords(settings.paths.state / "mlflow")
    return Registry(records, kinds(settings), clock or SystemClock())


def _key(name: str) -> str:
    """Return a metric's name in the characters that MLflow takes."""
    return "".join(c if c.isalnum() or c in "_-. /:" else "_" for c in name)


def _describe(version: ModelVersion) -> str:
    parts = [f"{version.kind} {version.version}"]
    if version.lineage.parent:
        parts.append(f"continues {version.lineage.parent}")
    if version.lineage.simulated:
        parts.append("trained on simulated behaviour")
    return ", ".join(parts)


def _read(held: Held) -> ModelVersion:
    tags: Mapping[str, str] = held.tags
    try:
        return ModelVersion(
            name=held.name,
            version=tags["version"],
            kind=tags["kind"],
            digest=tags["digest"],
            folder=Path(tags["folder"]),
            files=json.loads(tags["files"]),
            lineage=Lineage(**json.loads(tags["lineage"])),
            metrics=json.loads(tags["metrics"]),
            created_at=datetime.fromisoformat(tags["created_at"]),
            refused=tags.get("refused"),
            removed_at=datetime.fromisoformat(tags["removed_at"]) if "removed_at" in tags else None,
        )
    except (KeyError, ValueError, TypeError) as e:
        raise ArtifactError(
            f"MLflow's version {held.version} of {held.name} was not made by this registry ({e!r});"
            " delete it in MLflow"
        ) from e


def _read_served(name: str, content: Mapping[str, Any]) -> Served:
    return Served(**{**content, "name": name, "at": datetime.fromisoformat(content["at"])})
