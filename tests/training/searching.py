"""A search of four slow trials, each noted when it begins; as a program it is one that can be killed."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from naviyam.settings import Settings
from tests.training.small import ranker_task
from training.tune.on_ray import Found, search
from training.tune.spaces import Space
from training.tune.studies import RankerStudy, Told

NAME = "tune-ranker-killed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noted:
    """A study that takes its time."""

    study: RankerStudy
    marks: Path
    pause_s: float

    @property
    def space(self) -> Space:
        return self.study.space

    @property
    def longest(self) -> int:
        return self.study.longest

    def epochs(self, config: Mapping[str, Any]) -> int:
        return self.study.epochs(config)

    def for_trials(self) -> "Noted":
        return replace(self, study=self.study.for_trials())

    def trial(self, config: Mapping[str, Any], told: Told) -> None:
        with self.marks.open("a") as file:
            file.write(f"{config['learning_rate']}\n")
        time.sleep(self.pause_s)
        self.study.trial(config, told)

    def finish(self, config: Mapping[str, Any], out: Path) -> dict[str, Any]:
        return self.study.finish(config, out)


def run(settings: Settings, marks: Path, *, pause_s: float) -> Found:
    """Search with one trial at a time."""
    task, rows = ranker_task(epochs=2)
    study = RankerStudy(task=task, rows=rows, complete=partial(dict))
    distributed = settings.distributed.model_copy(update={"cpus_per_worker": 2.0})
    return search(
        settings.model_copy(update={"distributed": distributed}),
        Noted(study=study, marks=marks, pause_s=pause_s),
        name=NAME,
        samples=4,
        seed=3,
    )


if __name__ == "__main__":
    import ray

    address, state, marks = sys.argv[1:]
    ray.init(address=address, log_to_driver=False)
    run(Settings.parse({"paths": {"state": state}}), Path(marks), pause_s=4.0)
