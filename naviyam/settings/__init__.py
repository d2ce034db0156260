"""Configuration, typed and in one place. `Settings.load(path)` is the only reader of YAML and environment.

An unknown key is an error. Environment variables `NAVIYAM__SECTION__KEY` override the file.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError, model_validator

from naviyam.errors import ConfigError
from naviyam.settings.answering import (
    Funnel,
    Layout,
    Nlu,
    Ranker,
    Retrieval,
    RetrievalVariant,
    Writing,
    WritingVariant,
)
from naviyam.settings.control import (
    Admin,
    Jobs,
    Monitoring,
    ResourceGate,
    Rollout,
    RolloutStep,
    Schedule,
)
from naviyam.settings.learning import Evaluation, EventLog, Learning, Release, WritingEvaluation
from naviyam.settings.places import MealCardRules, Paths, Places
from naviyam.settings.section import Section
from naviyam.settings.serving import Autoscale, LanguageModel, Safety, Serving
from naviyam.settings.telemetry import Telemetry
from naviyam.settings.training import (
    Distributed,
    LoraStage,
    LoraTuning,
    RankerIncremental,
    RankerTraining,
)

ENV_PREFIX = "NAVIYAM__"

__all__ = [
    "Admin",
    "Autoscale",
    "Distributed",
    "Evaluation",
    "EventLog",
    "Funnel",
    "Jobs",
    "LanguageModel",
    "Layout",
    "Learning",
    "LoraStage",
    "LoraTuning",
    "MealCardRules",
    "Monitoring",
    "Nlu",
    "Paths",
    "Places",
    "Ranker",
    "RankerIncremental",
    "RankerTraining",
    "Release",
    "ResourceGate",
    "Retrieval",
    "RetrievalVariant",
    "Rollout",
    "RolloutStep",
    "Safety",
    "Schedule",
    "Section",
    "Serving",
    "Settings",
    "Telemetry",
    "Writing",
    "WritingEvaluation",
    "WritingVariant",
]


class Settings(Section):
    """Everything, with defaults for one small machine."""

    profile: str = "local"
    seed: int = 7
    paths: Paths = Paths()
    meal_card: MealCardRules = MealCardRules()
    places: Places = Places()
    nlu: Nlu = Nlu()
    retrieval: Retrieval = Retrieval()
    funnel: Funnel = Funnel()
    ranker: Ranker = Ranker()
    ranker_training: RankerTraining = RankerTraining()
    writing: Writing = Writing()
    writing_evaluation: WritingEvaluation = WritingEvaluation()
    evaluation: Evaluation = Evaluation()
    llm: LanguageModel = LanguageModel()
    serving: Serving = Serving()
    safety: Safety = Safety()
    events: EventLog = EventLog()
    release: Release = Release()
    lora_training: LoraTuning = LoraTuning()
    distributed: Distributed = Distributed()
    learning: Learning = Learning()
    jobs: Jobs = Jobs()
    schedule: Schedule = Schedule()
    rollout: Rollout = Rollout()
    monitoring: Monitoring = Monitoring()
    telemetry: Telemetry = Telemetry()
    admin: Admin = Admin()

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        if self.writing.first_token_timeout_s > self.writing.total_timeout_s:
            raise ValueError(
                "writing.first_token_timeout_s is above writing.total_timeout_s; lower the first"
            )
        if self.writing.total_timeout_s >= self.serving.request_timeout_s:
            raise ValueError(
                "writing.total_timeout_s must be below serving.request_timeout_s; raise the second"
            )
        if self.llm.ngram_speculation and not self.llm.num_gpus and self.writing.temperature:
            raise ValueError(
                "llm.ngram_speculation on a CPU needs writing.temperature 0 (vLLM draws nonsense tokens there)"
            )
        return self

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Self:
        """Read a YAML file and the environment's overrides.

        Raises:
            ConfigError: the file is missing or not YAML, or a key is unknown or wrong; the message names it.
        """
        values: dict[str, Any] = {}
        if path is not None:
            try:
                loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
            except FileNotFoundError as e:
                raise ConfigError(f"no configuration file {path}; try configs/local.yaml") from e
            except yaml.YAMLError as e:
                raise ConfigError(f"{path} is not YAML: {e}") from e
            if loaded is not None and not isinstance(loaded, dict):
                raise ConfigError(
                    f"{path} must hold a mapping of sections, not {type(loaded).__name__}"
                )
            values = loaded or {}
        _apply_environment(values, os.environ if environ is None else environ)
        return cls.parse(values, source=str(path or "defaults"))

    def with_batches(self, scale: float) -> Self:
        """Return settings in which trainers hold `scale` times as much at once: for a machine that ran out of memory.

        Raises:
            ConfigError: the scale is not above 0 and at most 1.
        """
        if not 0 < scale <= 1:
            raise ConfigError(f"the batch scale is {scale:g}; it must be above 0 and at most 1")
        lora, ranker = self.lora_training, self.ranker_training
        stages = {n: getattr(lora, n).with_batches(scale) for n in ("initial", "incremental")}
        size = max(1, round(ranker.batch_size * scale))
        return self.model_copy(
            update={
                "lora_training": lora.model_copy(update=stages),
                "ranker_training": ranker.model_copy(update={"batch_size": size}),
            }
        )

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, source: str = "settings") -> Self:
        """Validate a plain mapping; errors name the key and suggest a known one."""
        try:
            settings = cls.model_validate(values)
        except ValidationError as e:
            raise ConfigError(f"{source}: " + "; ".join(map(_explain, e.errors()))) from e
        paths = settings.paths
        expanded = paths.model_copy(
            update={name: getattr(paths, name).expanduser() for name in Paths.model_fields}
        )
        return settings.model_copy(update={"paths": expanded})


def _apply_environment(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name, text in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX):
            continue
        *sections, key = name.removeprefix(ENV_PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = yaml.safe_load(text)


def _explain(error: Any) -> str:
    location = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(location.split(".")[-1], _all_keys(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"unknown key {location!r}{hint}"
    return f"{location or 'settings'}: {error['msg']}"


def _all_keys() -> list[str]:
    keys = list(Settings.model_fields)
    for model in Section.__subclasses__():
        keys.extend(model.model_fields)
    return keys
