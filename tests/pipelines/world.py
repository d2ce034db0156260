"""An installation that learns: a real event log and real rankers on disk, functions in place of the long programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cluster.registry.kinds import Kind, kinds
from cluster.registry.memory_registry import MemoryRecords
from cluster.registry.registry import Registry
from naviyam import versions
from naviyam.clock import FakeClock
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.feedback.events import FeedbackEvent
from naviyam.feedback.log import AppendLog
from naviyam.feedback.schema import FEEDBACK
from naviyam.ranker.artifact import shapes
from naviyam.settings import Settings
from training.pipelines.learn import Options, learn
from training.pipelines.runner import InProcessRunner
from training.wide_deep.output import write_model

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BETTER = {"precision_at_5": 0.33, "ndcg_at_5": 0.44}
CHAMPION = {"precision_at_5": 0.30, "ndcg_at_5": 0.40}
WORSE = {"precision_at_5": 0.21, "ndcg_at_5": 0.28}
SURE = {name: {"mean": 0.03, "low": 0.01, "high": 0.05} for name in BETTER}
_VOCABULARY = Vocabulary.of(users=["u1"], shops=["s1"], brands=["b1"])


class KilledError(BaseException):
    """The process died here."""


class Ticking(FakeClock):
    """A clock on which no two looks are equal."""

    def now(self) -> datetime:
        self.advance(1)
        return self.current


def write_ranker(folder: Path, value: float) -> Path:
    """Write a ranker whose every weight is `value`."""
    write_model(
        folder,
        tensors={k: np.full(s, value, np.float32) for k, s in shapes(_VOCABULARY, 4).items()},
        tables=FeatureTables(vocabulary=_VOCABULARY, rates=CrossRates.empty(("관악구",))),
        metrics={},
        dataset_hash="first",
        simulated=True,
        encoder="fixed",
        encoder_dimension=4,
        seed=7,
        code_version="test",
    )
    return folder


@dataclass
class World:
    """One installation whose programs do what the fields say; `ran` holds the modules that were run, in order."""

    root: Path
    measured: Mapping[str, float] = field(default_factory=lambda: BETTER)
    sets: dict[str, Any] = field(default_factory=dict)
    weight: float = 2.0
    dies: str = ""
    """A module whose program dies when it begins."""

    ran: list[str] = field(default_factory=list)
    asked: dict[str, Sequence[str]] = field(default_factory=dict)
    clock: Ticking = field(default_factory=lambda: Ticking(current=NOW))
    records: MemoryRecords = field(default_factory=MemoryRecords)

    @property
    def settings(self) -> Settings:
        return Settings.parse({"paths": {"state": str(self.root)}, "learning": {"min_samples": 4}})

    @property
    def registry(self) -> Registry:
        """A registry as a new process opens it."""
        adapters = self.settings.paths.models / "nlg"
        nlg = Kind(kind="lora", root=adapters, check=lambda folder: None)
        return Registry(self.records, {**kinds(self.settings), "nlg": nlg}, self.clock)

    @property
    def runner(self) -> InProcessRunner:
        return InProcessRunner(
            programs={
                "training.datasets": self._noted("training.datasets", lambda _: self.sets),
                "training.wide_deep": self._noted("training.wide_deep", self._train),
                "training.evaluation": self._noted("training.evaluation", self._evaluate),
            }
        )

    def feedback(self) -> None:
        """Write one acknowledged feedback at the clock's time."""
        at = self.clock.now()
        event = FeedbackEvent(
            user_id="u1",
            shop_id="s1",
            feedback_type="clicked",
            recorded_at=at,
            happened_at=at,
            simulated=True,
        )
        log = AppendLog(self.settings.paths.events / FEEDBACK, clock=self.clock, window_s=0.0)
        log.append(event.to_record()).result()
        log.close()

    def learn(self, **changes: Any) -> dict[str, Any]:
        """Learn as `naviyam learn` does, the ranker alone unless told otherwise."""
        options = Options(**{"only": ("ranker",), **changes})
        return learn(
            self.settings,
            None,
            runner=self.runner,
            registry=self.registry,
            clock=self.clock,
            options=options,
            say=lambda line: None,
        )

    def serving(self) -> str:
        """Return the champion, once pointer, alias and history agree on it."""
        champion = self.registry.alias("ranker", "champion")
        assert champion is not None
        assert champion.version == versions.current_version(self.settings.paths.models / "ranker")
        assert champion.version == self.registry.history("ranker")[-1].version
        return champion.version

    def _noted(
        self, module: str, program: Callable[[Sequence[str]], dict[str, Any]]
    ) -> Callable[[Sequence[str]], dict[str, Any]]:
        def call(arguments: Sequence[str]) -> dict[str, Any]:
            if module == self.dies:
                raise KilledError
            self.ran.append(module)
            self.asked[module] = arguments
            return program(arguments)

        return call

    def _train(self, arguments: Sequence[str]) -> dict[str, Any]:
        folder = write_ranker(Path(value_of("--out", arguments)), self.weight)
        return {"folder": str(folder), "metrics": {}}

    def _evaluate(self, arguments: Sequence[str]) -> dict[str, Any]:
        candidate = Path(value_of("--candidate", arguments))
        if "--dry-run" not in arguments:
            (candidate / "evaluation.json").write_text(json.dumps({"of": str(candidate)}))
        return {"candidate": self.measured, "champion": CHAMPION, "difference": SURE}


def value_of(option: str, arguments: Sequence[str]) -> str:
    """Return what stands behind an option of a command line."""
    return arguments[list(arguments).index(option) + 1]
