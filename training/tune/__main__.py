"""`python -m training.tune lora|ranker --config C --samples N`: search, train the best in full, write it as a candidate.

The candidate is judged and registered by `naviyam models offer`, like any other trained by hand.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from naviyam.versions import version_name
from training.tune.studies import Study


def main(argv: Sequence[str] | None = None) -> int:
    """Search, train, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    arguments = _parse(argv)
    try:
        settings = Settings.load(arguments.config)
        result = _search(settings, arguments)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="training.tune", description=__doc__)
    parser.add_argument("kind", choices=("lora", "ranker"))
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--samples", type=int, default=8, help="trials")
    parser.add_argument("--data", type=Path, help="data set folder (default: the initial data)")
    parser.add_argument("--parent", type=Path, help="model to continue from")
    parser.add_argument("--out", type=Path, help="folder of the candidate")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--trial-rows", type=int, default=200, help="conversations that a LoRA trial learns from"
    )
    arguments = parser.parse_args(argv)
    if arguments.samples < 1:
        parser.error(f"--samples is {arguments.samples}; it must be at least 1")
    if arguments.kind == "ranker" and arguments.parent and not arguments.data:
        parser.error("--parent needs --data: it learns from a data set of logged answers")
    return arguments


def _search(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    from training.on_ray import cluster_of, run_name
    from training.tune.on_ray import forget_search, search
    from training.tune.prepare import lora_study, ranker_study

    study: Study
    if arguments.kind == "ranker":
        study, digest = ranker_study(settings, data=arguments.data, parent=arguments.parent)
    else:
        study, digest = lora_study(
            settings,
            data=arguments.data,
            parent=arguments.parent,
            seed=arguments.seed,
            trial_rows=arguments.trial_rows,
        )
    kind = f"tune-{arguments.kind}"
    name = run_name(
        kind, arguments.samples, arguments.seed, arguments.trial_rows, digest, _space(study)
    )
    with cluster_of(settings, os.environ, workers=2):
        found = search(settings, study, name=name, samples=arguments.samples, seed=arguments.seed)
    best = found.trials[0]
    out = arguments.out or _candidate(settings, arguments.kind)
    made = study.finish(best.config, out)
    forget_search(settings, name)
    return {
        "search": name,
        "trials": [
            {"loss": t.loss, "epochs_run": t.epochs, "of": t.of, "stopped": t.stopped, **t.config}
            for t in found.trials
        ],
        "stopped_early": sum(t.stopped for t in found.trials),
        "best": dict(best.config),
        "mlflow": found.tracked,
        **made,
    }


def _candidate(settings: Settings, kind: str) -> Path:
    name = {"lora": "nlg", "ranker": "ranker"}[kind]
    version = version_name(SystemClock().now())
    return settings.paths.state / "candidates" / name / version


def _space(study: Study) -> str:
    text = repr(sorted(study.space.items())) + repr(study.longest)
    return blake2b(text.encode(), digest_size=6).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
