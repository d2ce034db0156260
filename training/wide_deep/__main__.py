"""`python -m training.wide_deep --config configs/local.yaml`: trains the ranker.

Without `--data` on the current catalogue's behaviour, from the start. With it on logged answers, from `--parent` (the
current ranker). `--out` writes a candidate there; without it an initial model is published as current.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from naviyam.versions import current
from training.code_version import RANKER, code_version
from training.wide_deep import incremental
from training.wide_deep.fit import Fitted, Task
from training.wide_deep.incremental import Fit
from training.wide_deep.rows import Rows
from training.wide_deep.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    arguments = _parse(argv)
    try:
        settings = Settings.load(arguments.config).with_batches(arguments.batch_scale)
        if arguments.workers:
            result = _with_workers(settings, arguments)
        else:
            result = _train(settings, arguments, incremental.fit_here)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="training.wide_deep", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument(
        "--data", type=Path, help="ranker data set (default: the catalogue's behaviour)"
    )
    parser.add_argument("--parent", type=Path, help="model to continue from (default: the current)")
    parser.add_argument("--out", type=Path, help="folder of the candidate; needed with --data")
    parser.add_argument(
        "--workers", type=int, default=0, help="Ray Train workers; 0 trains in this process"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    parser.add_argument(
        "--batch-scale", type=float, default=1.0, help="0.5 holds half as many samples at once"
    )
    arguments = parser.parse_args(argv)
    if arguments.threads < 1:
        parser.error(f"--threads is {arguments.threads}; it must be at least 1")
    if arguments.workers < 0:
        parser.error(f"--workers is {arguments.workers}; it must be 0 or more")
    if arguments.parent and not arguments.data:
        parser.error("--parent needs --data: it learns from a data set of logged answers")
    if arguments.data and not arguments.out:
        parser.error("--data needs --out: a candidate is not published before it is judged")
    return arguments


def _train(settings: Settings, arguments: argparse.Namespace, fit: Fit) -> dict[str, Any]:
    if arguments.data is None:
        return run(
            settings,
            clock=SystemClock(),
            threads=arguments.threads,
            code_version=code_version(*RANKER),
            fit=fit,
            out=arguments.out,
        ).to_dict()
    parent = arguments.parent or current(settings.paths.models / "ranker")
    plan = incremental.plan(settings, arguments.data, parent, threads=arguments.threads)
    fitted = fit(plan.task, plan.rows)
    return incremental.finish(plan, fitted, arguments.out, code_version=code_version(*RANKER))


def _with_workers(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    from training.on_ray import cluster_of, run_name
    from training.wide_deep.on_ray import fit_on_ray, forget_run

    names: list[str] = []

    def fit(task: Task, rows: Rows) -> Fitted:
        inputs = (task.rates, task.start_digest(), rows.digest(), code_version(*RANKER))
        names.append(run_name("ranker", *inputs))
        return fit_on_ray(settings, task, rows, name=names[0], workers=arguments.workers)

    with cluster_of(settings, os.environ, workers=arguments.workers):
        result = _train(settings, arguments, fit)
        for name in names:
            forget_run(settings, name)
    return result


if __name__ == "__main__":
    sys.exit(main())
