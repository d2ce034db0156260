"""Configuration, typed and in one place. `Settings.load(path)` is the only reader of YAML and environment.

An unknown key is an error that says what was probably meant. A file may extend another (`extends: local.yaml`), and
environment variables `NAVIYAM__SECTION__KEY` override it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from naviyam.errors import ConfigError
from naviyam.settings.access import Access, Completions, Rate
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
from naviyam.settings.cluster import Cluster
from naviyam.settings.control import (
    Admin,
    JobPlace,
    Jobs,
    Monitoring,
    ResourceGate,
    Rollout,
    RolloutStep,
    Schedule,
)
from naviyam.settings.keys import suggestion
from naviyam.settings.learning import Evaluation, EventLog, Learning, Release, WritingEvaluation
from naviyam.settings.places import MealCardRules, Paths, Places
from naviyam.settings.section import Section
from naviyam.settings.serving import Autoscale, EngineScale, LanguageModel, Safety, Serving
from naviyam.settings.sources import Sources, read_sources
from naviyam.settings.telemetry import Telemetry
from naviyam.settings.training import (
    Distributed,
    LoraStage,
    LoraTuning,
    RankerIncremental,
    RankerTraining,
)

__all__ = [
    "Access",
    "Admin",
    "Autoscale",
    "Cluster",
    "Completions",
    "Distributed",
    "EngineScale",
    "Evaluation",
    "EventLog",
    "Funnel",
    "JobPlace",
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
    "Rate",
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
    """Name of the configuration, for people and logs."""

    seed: int = 7
    """Of everything that is drawn at random and should be the same again."""

    cluster: Cluster = Cluster()
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
    access: Access = Access()
    completions: Completions = Completions()

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        wrong = []
        if self.writing.first_token_timeout_s > self.writing.total_timeout_s:
            wrong.append(
                "writing.first_token_timeout_s is above writing.total_timeout_s; lower the first"
            )
        if self.writing.total_timeout_s >= self.serving.request_timeout_s:
            wrong.append(
                "writing.total_timeout_s must be below serving.request_timeout_s; raise the second"
            )
        if self.events.spool and not self.events.uri:
            raise ValueError(
                "events.spool is a machine's own folder, from which nobody else reads; set events.uri too"
            )
        shortest = self.serving.ingress.graceful_shutdown_timeout_s
        if shortest < self.serving.request_timeout_s:
            wrong.append(
                f"serving.ingress.graceful_shutdown_timeout_s {shortest:g} is below serving.request_timeout_s: "
                "answers would be cut off; raise the first"
            )
        if self.serving.llm.graceful_shutdown_timeout_s < self.writing.total_timeout_s:
            wrong.append(
                "serving.llm.graceful_shutdown_timeout_s must not be below writing.total_timeout_s; raise the first"
            )
        if self.llm.ngram_speculation and not self.llm.num_gpus and self.writing.temperature:
            wrong.append(
                "llm.ngram_speculation on a CPU needs writing.temperature 0 (vLLM draws nonsense tokens there)"
            )
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def dashboard_url(self) -> str:
        """Ray's dashboard, Serve's and the jobs' REST interfaces with it."""
        return self.cluster.dashboard_url or f"http://127.0.0.1:{self.serving.dashboard_port}"

    @property
    def service_url(self) -> str:
        """Where the service answers."""
        host = "127.0.0.1" if self.serving.host == "0.0.0.0" else self.serving.host
        return self.cluster.service_url or f"http://{host}:{self.serving.port}"

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Self:
        """Read a YAML file, what it extends, and the environment's overrides.

        Raises:
            ConfigError: a file is missing or not YAML, or keys are unknown or wrong; the message names each and its place.
        """
        sources = read_sources(path, os.environ if environ is None else environ)
        if sources.problems:
            raise ConfigError("; ".join(sources.problems))
        return cls.parse(sources.values, source=str(path or "defaults"), sources=sources)

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
    def parse(
        cls,
        values: Mapping[str, Any],
        *,
        source: str = "settings",
        sources: Sources | None = None,
    ) -> Self:
        """Validate a plain mapping; errors name the key and its place, and suggest a known one."""
        try:
            settings = cls.model_validate(values)
        except ValidationError as e:
            raise ConfigError("; ".join(explain(e, source=source, sources=sources))) from e
        paths = settings.paths
        expanded = paths.model_copy(
            update={name: getattr(paths, name).expanduser() for name in Paths.model_fields}
        )
        return settings.model_copy(update={"paths": expanded})


def explain(
    error: ValidationError, *, source: str = "settings", sources: Sources | None = None
) -> list[str]:
    """Return one line for each wrong key: where it stands, what is wrong, what was probably meant."""
    lines = []
    for each in error.errors():
        location = ".".join(map(str, each["loc"]))
        place = (sources.origin(each["loc"]) if sources else None) or source
        if each["type"] == "extra_forbidden":
            near = suggestion(Settings, each["loc"])
            hint = f"; did you mean {near!r}?" if near else ""
            lines.append(f"{place}: unknown key {location!r}{hint}")
        else:
            lines.append(": ".join(filter(None, (str(place), location, each["msg"]))))
    return lines
