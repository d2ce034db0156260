"""What a trial trains and how the best is trained in full. No Ray: a trial is a call with a hook for its figures."""

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from training.lora.card import write_card
from training.lora.dataset import Conversations
from training.lora.loop import Corpus, LoraTraining, Progress, train
from training.tune.spaces import LORA, RANKER, Space
from training.wide_deep.fit import Fitted, Task, Trainee, windows_of
from training.wide_deep.rows import Rows

Told = Callable[[float], None]
"""Takes the least held-out loss so far, once an epoch; it may end the trial by an exception."""


_VALIDATED = 5
"""At most one sample in so many is kept back from a LoRA trial."""


class Study(Protocol):
    """One kind of model under search."""

    @property
    def space(self) -> Space:
        """What is searched."""

    @property
    def longest(self) -> int:
        """Epochs of the longest trial."""

    def epochs(self, config: Mapping[str, Any]) -> int:
        """Return how many epochs a trial runs that nobody stops."""

    def for_trials(self) -> "Study":
        """Return what `trial` needs and no more: it is sent to other processes."""

    def trial(self, config: Mapping[str, Any], told: Told) -> None:
        """Train with the hyperparameters of `config`."""

    def finish(self, config: Mapping[str, Any], out: Path) -> dict[str, Any]:
        """Train with the best hyperparameters on everything and write the candidate into `out`."""


def _only_trials(task: Task, fitted: Fitted, out: Path) -> dict[str, Any]:
    raise NotImplementedError("a study made by for_trials() finishes nothing")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankerStudy:
    """The ranker; `complete` turns a fit into a candidate folder and says what it is."""

    task: Task
    rows: Rows
    complete: Callable[[Task, Fitted, Path], dict[str, Any]]
    space: Space = field(default_factory=lambda: RANKER)

    @property
    def longest(self) -> int:
        return self.task.rates.epochs

    def epochs(self, config: Mapping[str, Any]) -> int:
        return self.longest

    def for_trials(self) -> "RankerStudy":
        return replace(self, complete=_only_trials)

    def trial(self, config: Mapping[str, Any], told: Told) -> None:
        task = self._with(config)
        Trainee(task).fit(
            windows_of(self.rows, task), after=lambda trained: told(min(trained.validation))
        )

    def finish(self, config: Mapping[str, Any], out: Path) -> dict[str, Any]:
        task = self._with(config)
        return self.complete(task, Trainee(task).fit(windows_of(self.rows, task)), out)

    def _with(self, config: Mapping[str, Any]) -> Task:
        return replace(self.task, rates=replace(self.task.rates, **config))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraStudy:
    """The writer's adapter. Trials learn from the first `trial_samples` conversations, the best from all."""

    base: Path
    base_name: str
    conversations: Conversations
    training: LoraTraining
    trial_samples: int
    code_version: str
    parent: Path | None = None
    parent_card: Mapping[str, Any] | None = None
    space: Space = field(default_factory=lambda: LORA)

    @property
    def longest(self) -> int:
        return int(max(self.space["epochs"].values))  # type: ignore[union-attr]

    def epochs(self, config: Mapping[str, Any]) -> int:
        return int(config["epochs"])

    def for_trials(self) -> "LoraStudy":
        return self

    def trial(self, config: Mapping[str, Any], told: Told) -> None:
        few = self.trial_corpus()
        least = math.inf

        def tell(progress: Progress) -> None:
            nonlocal least
            if progress.perplexity is not None:
                least = min(least, math.log(progress.perplexity))
                told(least)

        with tempfile.TemporaryDirectory() as folder:
            train(self.base, few, Path(folder), self._with(config), report=tell, parent=self.parent)

    def trial_corpus(self) -> Corpus:
        """Return what a trial learns from and is chosen by: the latest of the part to learn from is kept back.

        The data set's later part judges the candidate in the end, so nothing may be chosen by it.
        """
        samples = self.conversations.corpus.training
        kept = max(1, min(self.training.held_out, len(samples) // _VALIDATED))
        return Corpus(
            training=samples[:-kept][: self.trial_samples],
            held_out=samples[-kept:],
        )

    def finish(self, config: Mapping[str, Any], out: Path) -> dict[str, Any]:
        training = self._with(config)

        def silent(progress: Progress) -> None:
            """Say nothing: the search's own table is shown."""

        metrics = train(
            self.base,
            self.conversations.corpus,
            out,
            training,
            report=silent,
            parent=self.parent,
        )
        write_card(
            out,
            base=self.base_name,
            config=training,
            metrics=metrics,
            data=self.conversations.card,
            code=self.code_version,
            parent=self.parent_card,
        )
        return {"folder": str(out), "metrics": metrics}

    def _with(self, config: Mapping[str, Any]) -> LoraTraining:
        return replace(self.training, **config)
