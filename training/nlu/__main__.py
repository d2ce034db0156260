"""`python -m training.nlu --config configs/local.yaml`: trains the intent classifier and puts it in place."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.code_version import code_version
from training.nlu.run import run
from training.nlu.train import NluTraining, Task, Tensors


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.nlu", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--out", type=Path, help="folder (default: paths.classifier)")
    parser.add_argument("--epochs", type=int, default=NluTraining().epochs)
    parser.add_argument("--seed", type=int, default=NluTraining().seed)
    parser.add_argument(
        "--workers", type=int, default=0, help="Ray Train workers; 0 trains in this process"
    )
    arguments = parser.parse_args(argv)
    if arguments.workers < 0:
        parser.error(f"--workers is {arguments.workers}; it must be 0 or more")
    try:
        settings = Settings.load(arguments.config)
        config = NluTraining(epochs=arguments.epochs, seed=arguments.seed)
        out = arguments.out or settings.paths.classifier
        if arguments.workers:
            result = _with_workers(settings, config, out, arguments.workers)
        else:
            result = run(settings, config, out=out)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


def _with_workers(
    settings: Settings, config: NluTraining, out: Path, workers: int
) -> dict[str, Any]:
    from training.nlu.on_ray import fit_on_ray
    from training.on_ray import cluster_of, forget, run_name

    names: list[str] = []

    def fit(task: Task) -> Tensors:
        names.append(run_name("nlu", config, task.digest(), code_version("training/nlu")))
        return fit_on_ray(settings, task, name=names[0], workers=workers)

    with cluster_of(settings, os.environ, workers=workers):
        result = run(settings, config, out=out, fit=fit)
        for name in names:
            forget(settings, name)
    return result


if __name__ == "__main__":
    sys.exit(main())
